import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { verify } from "../support/accounts.ts";
import { runScheduled } from "../support/all-flows.ts";
import {
  type Backend,
  createRealm,
  type EnrolledBackendUser,
  enrolBackendUser,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { codeNow, createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { insertEventsOf, insertOthers, insertSessionsOf } from "../support/many-rows.ts";
import { type Trip, watchStatements } from "../support/statements.ts";
import { readState, restoreState, type State } from "../support/states.ts";
import { type Answer, Client, code, wrongCode } from "../support/worker.ts";

// Issue 6: what an operation costs in D1 is the same however much is stored.

let faultWorld: FaultWorld;
let shop: Backend;
let user: EnrolledBackendUser;
let start: State;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  faultWorld = await createFaultWorld();
  shop = await createRealm("shop");
  user = await enrolBackendUser(shop);
  start = await readState();
});
beforeEach(async () => {
  vi.setSystemTime(faultWorld.at);
  await restoreState(start);
  collectLogLines();
  mockOrigin();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** As D1 counts and bills. */
type Cost = readonly [
  reads: number,
  batches: number,
  statements: number,
  rowsRead: number,
  rowsWritten: number,
];

function costOf(trips: readonly Trip[]): Cost {
  const statements = trips.flatMap((trip) => trip.statements);
  return [
    trips.filter(({ kind }) => kind === "single").length,
    trips.filter(({ kind }) => kind === "batch").length,
    statements.length,
    statements.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    statements.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  ];
}

/** One isolate of the Worker, and its clients. */
class Isolate {
  readonly client = new Client();
  readonly shop = shop.at(this.client);
  readonly asAda = { token: faultWorld.adaToken };
  readonly asBob = { token: faultWorld.bobToken };
  bobSecret = "";

  login(fields: { username?: string; password?: string } = {}): Promise<Answer> {
    return this.client.login({ ...faultWorld.ada, ...fields }, { address: "203.0.113.7" });
  }

  verify(token: string, text: unknown): Promise<Answer> {
    return verify(token, text, {}, this.client);
  }

  async setUp(): Promise<Answer> {
    const answer = await this.client.post("/totp/setup", {}, this.asBob);
    this.bobSecret = answer.json.data.secret;
    return answer;
  }

  async enable(): Promise<Answer> {
    return this.client.post("/totp/enable", { code: await code(this.bobSecret) }, this.asBob);
  }

  recheck(): Promise<Response> {
    advance(60);
    return visit(gated(), "/private", { session: faultWorld.adaToken });
  }

  async hourlyJob(): Promise<{ readonly status: number }> {
    await runScheduled();
    return { status: 200 };
  }
}

type Step = readonly [
  what: string,
  act: (isolate: Isolate) => Promise<{ readonly status: number }>,
  status: number,
  cost: Cost,
];

/** In this order: each finds what those before it have left. */
const steps: readonly Step[] = [
  ["a backend's first call, a page of users", (i) => i.shop.get("/v1/users?limit=2"), 200, [2, 0, 2, 4, 0]],
  ["the next page", (i) => i.shop.get("/v1/users?limit=2"), 200, [1, 0, 1, 2, 0]],
  ["the status of a user", (i) => i.shop.get(userPath("42")), 200, [1, 0, 1, 3, 0]],
  [
    "verify for a backend, a wrong code",
    async (i) => i.shop.verify("42", await wrongCode(user.secret)),
    401,
    [1, 1, 8, 7, 7],
  ],
  ["verify for a backend", async (i) => i.shop.verify("42", await code(user.secret)), 200, [1, 1, 9, 8, 8]],
  [
    "verify for a backend, repeatable, a backup code",
    (i) => i.shop.verify("42", user.backupCodes[0], {}, repeatable("k")),
    200,
    [1, 1, 11, 13, 12],
  ],
  [
    "the same again",
    (i) => i.shop.verify("42", user.backupCodes[0], {}, repeatable("k")),
    200,
    // The second read asks the primary whether the approval still stands (INC-37).
    [2, 0, 2, 10, 0],
  ],
  ["a page of a user's events", (i) => i.shop.get("/v1/events?user=42&limit=4"), 200, [1, 0, 1, 4, 0]],
  [
    "a page of a user's last events",
    (i) => i.shop.get("/v1/events?user=42&limit=4&order=desc"),
    200,
    [1, 0, 1, 4, 0],
  ],
  ["sign-in, the password being hashed anew", (i) => i.login(), 200, [1, 1, 11, 48, 11]],
  ["sign-in", (i) => i.login(), 200, [1, 1, 10, 47, 10]],
  ["sign-in with a wrong password", (i) => i.login({ password: "wrong" }), 401, [1, 1, 8, 20, 14]],
  ["sign-in with an unknown name", (i) => i.login({ username: "nobody" }), 401, [1, 1, 8, 19, 13]],
  [
    "verify, a wrong code",
    async (i) => i.verify(faultWorld.pending, await wrongCode(faultWorld.ada.secret)),
    401,
    [1, 1, 8, 8, 7],
  ],
  ["verify", async (i) => i.verify(faultWorld.pending, await codeNow(faultWorld)), 200, [1, 1, 11, 11, 13]],
  [
    "verify, a spent code",
    async (i) => i.verify(faultWorld.nextPending, await codeNow(faultWorld)),
    401,
    [1, 1, 11, 12, 6],
  ],
  [
    "verify, a backup code",
    (i) => i.verify(faultWorld.lastPending, faultWorld.ada.backupCodes[0]),
    200,
    [1, 1, 11, 11, 14],
  ],
  ["set-up", (i) => i.setUp(), 200, [0, 1, 6, 9, 11]],
  ["enable", (i) => i.enable(), 200, [1, 1, 11, 15, 15]],
  ["GET /session", (i) => i.client.call("/session", i.asAda), 200, [0, 1, 2, 4, 1]],
  ["a session that is checked again at the gate", (i) => i.recheck(), 200, [0, 1, 2, 4, 1]],
  [
    "step-up",
    async (i) => i.client.post("/step-up", { code: await codeNow(faultWorld) }, i.asAda),
    200,
    [1, 1, 10, 12, 9],
  ],
  [
    "new backup codes",
    (i) => i.client.post("/backup-codes", { code: faultWorld.ada.backupCodes[1] }, i.asAda),
    200,
    [1, 1, 11, 14, 16],
  ],
  ["sign-out", (i) => i.client.post("/logout", {}, i.asAda), 200, [0, 1, 4, 1, 6]],
  ["the hourly job with nothing to do", (i) => i.hourlyJob(), 200, [0, 1, 6, 19, 0]],
];

const line = (what: string, cost: Cost) => `${what}: ${cost.join(" ")}`;

/** Takes all the steps. They have to come to what they should, or else their costs show nothing. */
async function takeSteps(): Promise<string[]> {
  const isolate = new Isolate();
  const costs: string[] = [];
  for (const [what, act, expected] of steps) {
    const watch = watchStatements();
    const { status } = await act(isolate).finally(watch.stop);
    expect([what, status]).toEqual([what, expected]);
    costs.push(line(what, costOf(watch.trips)));
  }
  return costs;
}

const expectedCosts = steps.map(([what, , , cost]) => line(what, cost));

describe("reads, batches, statements, rows read and rows written of every operation are exactly these", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["ten other accounts", () => insertOthers(10)],
    ["5,000 other accounts, with 15,000 sessions and 15,000 events", () => insertOthers(5000)],
    [
      "10,000 events of the same users, and 1,000 sessions",
      async () => {
        await insertOthers(10);
        await insertEventsOf("local", faultWorld.ada.id, 10_000);
        await insertEventsOf("local", faultWorld.bob.id, 10_000);
        await insertEventsOf("shop", user.storedId, 10_000);
        await insertSessionsOf(faultWorld.ada.id, 1000);
      },
    ],
  ])("among %s", async (_, fill) => {
    await fill();
    expect(await takeSteps()).toEqual(expectedCosts);
  });
});

it("a list of sessions reads those of its own account alone", async () => {
  const costs: Cost[] = [];
  for (const others of [10, 5000]) {
    await restoreState(start);
    await insertOthers(others);
    const watch = watchStatements();
    await new Client().call("/sessions", { token: faultWorld.adaToken }).finally(watch.stop);
    costs.push(costOf(watch.trips));
  }
  expect(costs[1]).toEqual(costs[0]);
});
