import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sealUserField } from "../../src/domain/second-factor/sealed-fields.ts";
import { runScheduled } from "../support/all-flows.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { workersKeyring } from "../support/gate.ts";
import { rfcSecret } from "../support/import-export.ts";
import { randomKey } from "../support/keyring.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { insertMany, insertOthers } from "../support/many-rows.ts";
import { query } from "../support/rows.ts";
import { type Trip, watchStatements } from "../support/statements.ts";
import type { Overrides } from "../support/worker.ts";

// Issue 6: one run of the hourly job takes a bounded number of trips and rows, whatever has piled up, and the runs
// after it take the rest.

let lines: readonly string[];
useFreshWorker();
beforeEach(() => {
  lines = collectLogLines();
});

/** One run: what it sent to D1, and what it says that it has done. */
async function run(overrides: Overrides = {}) {
  const before = lines.length;
  const watch = watchStatements();
  await runScheduled(overrides).finally(watch.stop);
  const said = parseLines(lines.slice(before));
  return { trips: watch.trips, said: (event: string) => said.find((line) => line.event === event) };
}

const sum = (trips: readonly Trip[], what: "rowsRead" | "rowsWritten"): number =>
  trips.flatMap(({ statements }) => statements).reduce((total, statement) => total + statement[what], 0);

async function countRows(table: string): Promise<number> {
  const [row] = await query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
  return row?.count ?? 0;
}

/** A new key in front of the one that has sealed everything. */
const rotated = (): Overrides => ({ KEYRING: `k2:${randomKey()},${env.KEYRING}` });

const kinds = 6;
const chunkRows = 500;
const mostChunks = 100;
/** How long a counter can block after its window. */
const blockMilliseconds = 15 * 60_000;

/** As many of each kind of what is over. */
async function insertExpired(count: number): Promise<void> {
  const now = Date.now();
  const longAgo = now - 500 * 24 * 3_600_000;
  const blocksOver = now - blockMilliseconds;
  await insertMany(
    count,
    "sessions",
    "id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at",
    `'over-' || i, 'full', 'u', 0, '[]', 0, 0, 0, ${now} - i`,
  );
  await insertMany(count, "throttles", "key, failures, window_ends_at", `'over-' || i, 1, ${blocksOver} - i`);
  await insertMany(
    count,
    "users",
    "id, realm, username, created_at, updated_at, totp_pending_secret, totp_pending_expires_at",
    `'over-' || i, 'local', 'over-' || i, 0, 0, 'v1.k1.x', ${now} - i`,
  );
  await insertMany(
    count,
    "audit_events",
    "id, at, type, realm, user_id",
    `'over-' || i, ${longAgo} + i, 'user.created', 'local', 'u'`,
  );
  await insertMany(
    count,
    "challenges",
    "id, realm, user_id, secret_hash, return_to, created_at, expires_at",
    `'over-' || i, 'shop', 'u', 'over-' || i, 'https://shop.example/', 0, ${longAgo} + i`,
  );
  await insertMany(
    count,
    "idempotency_keys",
    "realm, key_hash, request_hash, answer, expires_at",
    `'shop', 'over-' || i, '', '', ${now} - i`,
  );
}

describe("one run of the hourly job", () => {
  it("reads and writes a bounded number of rows in a trip, whatever is over", async () => {
    await insertExpired(2 * chunkRows);
    await insertOthers(2000);
    const { trips, said } = await run();
    expect(trips.map(({ statements }) => statements.length)).toEqual([kinds, kinds, kinds]);
    const removed = 2 * chunkRows;
    expect(said("expiry.done")).toMatchObject({
      sessions: removed,
      throttles: removed,
      enrolments: removed,
      auditEvents: removed,
      challenges: removed,
      idempotencyKeys: removed,
    });
    for (const trip of trips) {
      expect(sum([trip], "rowsWritten")).toBeLessThanOrEqual(kinds * chunkRows);
      expect(sum([trip], "rowsRead")).toBeLessThanOrEqual(6 * kinds * chunkRows);
    }
  });

  it("removes at most 500 rows of a kind at a time, a hundred times, and the next run the rest", async () => {
    const over = Date.now() - blockMilliseconds;
    const left = 300;
    const backlog = mostChunks * chunkRows + left;
    await insertMany(backlog, "throttles", "key, failures, window_ends_at", `'over-' || i, 1, ${over} - i`);
    const first = await run();
    expect(first.trips).toHaveLength(mostChunks);
    expect(first.said("expiry.done")).toMatchObject({ throttles: mostChunks * chunkRows });
    // An operator learns of it before the database is full.
    expect(first.said("expiry.behind")).toMatchObject({ level: "warn", throttles: mostChunks * chunkRows });
    expect(Object.keys(first.said("expiry.behind") ?? {})).not.toContain("sessions");
    expect(await countRows("throttles")).toBe(left);
    const second = await run();
    expect(second.trips).toHaveLength(1);
    expect(second.said("expiry.done")).toMatchObject({ throttles: left });
    expect(second.said("expiry.behind")).toBeUndefined();
    expect(await countRows("throttles")).toBe(0);
  });

  it("does not read counters whose window is over while they may still block", async () => {
    const now = Date.now();
    const costs: number[] = [];
    for (const blocking of [10, 2000]) {
      await insertMany(
        blocking,
        "throttles",
        "key, failures, window_ends_at, blocked_until",
        `'${blocking}-' || i, 100, ${now} - i, ${now} + i`,
      );
      await insertMany(2 * chunkRows, "audit_events", "id, at, type", "'old-' || i, i, 'user.created'");
      costs.push(sum((await run()).trips, "rowsRead"));
      expect(await countRows("throttles")).toBeGreaterThanOrEqual(blocking);
    }
    expect(costs[1]).toBe(costs[0]);
  });

  it("seals at most a hundred envelopes of a column at a time, fifty times, and the next run the rest", async () => {
    const accounts = 5120;
    await insertSealed(accounts);
    // One trip removes what is over, and then each hundred takes a batch that reads and one that writes.
    for (const [resealed, complete, trips] of [
      [5000, false, 1 + 2 * 50],
      [120, true, 1 + 2 * 2],
      [0, true, 1 + 1],
    ] as const) {
      const done = await run(rotated());
      expect(done.said("reseal.done")).toMatchObject({ resealed, complete, unreadable: 0 });
      expect(done.trips).toHaveLength(trips);
      for (const { statements } of done.trips) expect(statements.length).toBeLessThanOrEqual(100);
      // The envelope and its entry in the index are written. An account is looked at when it is found and when it is sealed.
      expect(sum(done.trips, "rowsWritten")).toBe(2 * resealed);
      expect(sum(done.trips, "rowsRead")).toBeLessThanOrEqual(3 * resealed + 30);
    }
  });

  it("finds what an older key has sealed by its id: what the current or a lost key has sealed is not read", async () => {
    const keyring = rotated();
    const costs: unknown[] = [];
    for (const others of [10, 5000]) {
      await query("DELETE FROM users");
      await insertEnvelopes("current", others, "v1.k2.AAAA");
      await insertEnvelopes("lost", others, "v1.k0.AAAA");
      await insertSealed(3);
      const done = await run(keyring);
      expect(done.said("reseal.done")).toMatchObject({ resealed: 3, unreadable: 0, complete: true });
      costs.push([done.trips.length, sum(done.trips, "rowsRead"), sum(done.trips, "rowsWritten")]);
    }
    expect(costs).toEqual([
      [3, 31, 6],
      [3, 31, 6],
    ]);
  });

  it("goes past what an older key should open and does not, and seals what is behind it", async () => {
    const damaged = 250;
    await insertEnvelopes("damaged", damaged, "v1.k1.AAAA");
    await insertSealed(3);
    const keyring = rotated();
    for (const resealed of [3, 0]) {
      const { said } = await run(keyring);
      const expected = { resealed, unreadable: 3 * damaged, complete: true, older_keys_can_go: false };
      expect(said("reseal.done")).toMatchObject(expected);
    }
  });
});

/** Accounts with this in the place of each envelope. */
const insertEnvelopes = (prefix: string, accounts: number, envelope: string) =>
  insertMany(
    accounts,
    "users",
    "id, realm, username, created_at, updated_at, totp_secret, totp_pending_secret, backup_codes",
    `'${prefix}-' || i, 'local', '${prefix}-' || i, 0, 0, '${envelope}', '${envelope}', '${envelope}'`,
  );

/** Accounts whose secret is sealed with the key that is there until it is replaced. */
async function insertSealed(accounts: number): Promise<void> {
  const keyring = workersKeyring();
  const rows = await Promise.all(
    Array.from({ length: accounts }, async (_, index) => {
      const userId = `user-${index}`;
      return [userId, await sealUserField(keyring, { userId, column: "totpSecret" }, rfcSecret)];
    }),
  );
  await query(
    `INSERT INTO users (id, realm, username, created_at, updated_at, totp_secret)
     SELECT value ->> 0, 'local', value ->> 0, 0, 0, value ->> 1 FROM json_each(?)`,
    JSON.stringify(rows),
  );
}
