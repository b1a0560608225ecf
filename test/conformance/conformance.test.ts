import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { delayD1, failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase } from "../support/rows.ts";
import { environment, host, type Overrides, send } from "../support/worker.ts";
import { Deployment } from "./deployment.ts";
import { lines } from "./lines.ts";

let logged: string[] = [];

useFreshWorker();
beforeEach(() => {
  logged = collectLogLines();
});

/** The Worker of this project in workerd, with everything that a test can do to it. */
function deploymentHere(overrides: Overrides = {}): Deployment {
  const bindings = environment(overrides);
  return new Deployment({
    fetch: (request) => send(request, bindings),
    origin: host,
    basePath: "/api/auth",
    adminKey: env.ADMIN_KEY,
    now: () => Date.now(),
    powers: ["clock", "dump", "stores", "logs", "variables"],
    advance: async (seconds) => advance(seconds),
    dump: dumpDatabase,
    slowedDown: (milliseconds) => deploymentHere({ ...overrides, DB: delayD1(env.DB, milliseconds) }),
    withFailingStore: () => deploymentHere({ ...overrides, DB: failAlways(env.DB) }),
    logLines: () => logged,
    configured: (variables) => deploymentHere({ ...overrides, ...variables }),
  });
}

describe("conformance", () => {
  for (const line of lines) {
    if ("check" in line) it(`${line.id} ${line.requirement}`, () => line.check(deploymentHere()));
  }

  it("has every line of the requirements once, and a reason for each that is not checked", () => {
    const ids = lines.map(({ id }) => id);
    const count = { OTP: 17, URI: 5, BC: 12, EN: 14, TH: 10, SE: 15, CR: 10, WB: 15, LG: 8, INC: 22 };
    const expected = Object.entries(count).flatMap(([group, last]) =>
      Array.from({ length: last }, (_, i) => `${group}-${String(i + 1).padStart(2, "0")}`),
    );
    expect([...ids].sort()).toEqual([...expected].sort());
    for (const line of lines) if ("because" in line) expect(line.because.length).toBeGreaterThan(10);
  });
});
