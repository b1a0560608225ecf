import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type TransferKind, transferCounter, transferQuotas } from "../../src/domain/sign-in/throttle.ts";
import { getConfig } from "../../src/runtime.ts";
import { type Backend, createKey, createRealm, operator } from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { countTrips, delayD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  fileOf,
  generateOperatorKey,
  type ImportOptions,
  importFile,
  requestExport,
} from "../support/import-export.ts";
import { tapKv } from "../support/kv.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { listEvents, query, type ThrottleRecord } from "../support/rows.ts";
import { environment } from "../support/worker.ts";

// INC-30: what a caller can cost with imports and exports is bounded. docs/throttling.md has the figures.

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

const transfers: readonly TransferKind[] = ["imports", "exports"];

/** Lets a caller have made so many of its requests, all of them now. */
async function setUsed(transfer: TransferKind, caller: Backend, used: number): Promise<void> {
  const { key, windowSeconds } = await transferCounter(
    getConfig(environment()).keyring,
    transfer,
    caller.actor,
  );
  await query(
    "INSERT OR REPLACE INTO throttles (key, failures, window_ends_at, blocked_until) VALUES (?, ?, ?, NULL)",
    key,
    used,
    Date.now() + windowSeconds * 1000,
  );
}

const recipient = generateOperatorKey();

/** One request to import a user, or to export. */
async function move(transfer: TransferKind, caller: Backend, options: ImportOptions = {}) {
  const given = { token: caller.key, ...options };
  const answer =
    transfer === "imports"
      ? await importFile(fileOf({ username: crypto.randomUUID() }), given)
      : await requestExport((await recipient).publicJwk, given);
  if (answer instanceof Response) await answer.arrayBuffer();
  return {
    status: answer.status,
    policy: answer.headers.get("RateLimit-Policy"),
    left: answer.headers.get("RateLimit"),
    retryAfter: answer.headers.get("Retry-After"),
  };
}

const policyOf = (transfer: TransferKind) => `"${transfer}";q=${transferQuotas[transfer].most};w=3600`;

describe.each(transfers)("%s", (transfer) => {
  const { most } = transferQuotas[transfer];

  it("TH-07 TH-08 INC-30 are limited for each caller and hour, and the answers say what is left", async () => {
    const shop = await createRealm();
    const first = await move(transfer, shop);
    const left = (r: number, t: number) => `"${transfer}";r=${r};t=${t}`;
    expect(first).toEqual({
      status: 200,
      policy: policyOf(transfer),
      left: left(most - 1, 3600),
      retryAfter: null,
    });
    advance(60);
    expect((await move(transfer, shop)).left).toBe(left(most - 2, 3540));

    await setUsed(transfer, shop, most - 1);
    expect(await move(transfer, shop)).toMatchObject({ status: 200, left: left(0, 900) });
    const users = await query("SELECT id FROM users");
    advance(1);
    const refused = await move(transfer, shop);
    expect(refused).toEqual({
      status: 429,
      policy: policyOf(transfer),
      left: left(0, 899),
      retryAfter: "899",
    });
    expect(await query("SELECT id FROM users")).toEqual(users);
    expect(await listEvents("users.exported")).toHaveLength(transfer === "exports" ? 3 : 0);
    advance(899);
    // Within the hour the block begins again with the next one.
    expect(await move(transfer, shop)).toMatchObject({ status: 200, left: left(0, 900) });
    expect((await move(transfer, shop)).status).toBe(429);
    advance(3600);
    expect(await move(transfer, shop)).toMatchObject({ status: 200, left: left(most - 1, 3600) });
  });

  it("TH-02 INC-30 count for a caller over all realms, and for no other caller", async () => {
    const [one, other] = [await createRealm("shop"), await createRealm("books")];
    const second = await createKey(operator(), "shop", { name: "second" });
    for (const blocked of [one, operator()]) {
      await setUsed(transfer, blocked, most - 1);
      await move(transfer, blocked);
    }
    const statuses = async (...calls: [Backend, ImportOptions?][]) =>
      (await Promise.all(calls.map(([caller, options]) => move(transfer, caller, options)))).map(
        ({ status }) => status,
      );
    expect(await statuses([one], [operator()], [operator(), { realm: "books" }])).toEqual([429, 429, 429]);
    expect(await statuses([second], [other])).toEqual([200, 200]);
  });

  it("TH-04 INC-30 are limited also when they come at once", async () => {
    const shop = await createRealm();
    await setUsed(transfer, shop, most - 3);
    const bindings = () => environment({ DB: delayD1(env.DB, 20) });
    const all = await Promise.all(
      Array.from({ length: 20 }, () => move(transfer, shop, { bindings: bindings() })),
    );
    expect(all.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(all.filter(({ status }) => status === 429)).toHaveLength(17);
  });

  it("INC-30 cost one read of KV when they are refused, and without KV one batch", async () => {
    await setUsed(transfer, operator(), most - 1);
    await move(transfer, operator());
    const cost = async (failing: ("get" | "put")[]) => {
      const { db, trips } = countTrips(env.DB);
      const { kv, calls } = tapKv(env.BLOCKS, { failing });
      const bindings = environment({ DB: db, BLOCKS: kv });
      expect((await move(transfer, operator(), { bindings })).status).toBe(429);
      return { ...trips, gets: calls.gets };
    };
    expect(await cost([])).toEqual({ reads: 0, batches: 0, gets: 1 });
    expect(await cost(["get", "put"])).toEqual({ reads: 0, batches: 1, gets: 1 });
    const [row, ...others] = await query<ThrottleRecord>("SELECT * FROM throttles");
    expect([row?.failures, others]).toEqual([most, []]);
  });
});

it("INC-30 a request to export is counted before its EXPORT_KEY is compared, so guesses are limited, too", async () => {
  const shop = await createRealm();
  const headers = { "X-Sallyport-Export-Key": "wrong" };
  await setUsed("exports", shop, transferQuotas.exports.most - 1);
  expect((await move("exports", shop, { headers })).status).toBe(403);
  expect((await move("exports", shop, { headers })).status).toBe(429);
  expect(await listEvents("export_key.refused")).toHaveLength(1);
});

it("INC-30 a move of two million users fits into an hour, as the admin program sends them", () => {
  const linesOfOneRequest = 1000;
  expect(transferQuotas.imports.most * linesOfOneRequest).toBeGreaterThanOrEqual(2_000_000);
});
