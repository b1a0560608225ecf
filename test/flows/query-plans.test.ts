import { beforeAll, describe, expect, it } from "vitest";
import { useAllFlows } from "../support/all-flows.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { distinctStatements, explain, type Flaw, findFlaws } from "../support/query-plans.ts";
import { useRareFlows } from "../support/rare-flows.ts";
import { query } from "../support/rows.ts";
import { SensitiveData } from "../support/sensitive-data.ts";
import { useAllServices } from "../support/service-flows.ts";
import { type PlaceWatch, watchPlaces } from "../support/statement-places.ts";
import { type Statement, watchStatements } from "../support/statements.ts";

// Issue 6: every statement finds its rows by an index. What is sent while all flows are used is what is asked about;
// a statement that none of them reaches fails the first test.

let statements: readonly Statement[];
let places: ReturnType<PlaceWatch["count"]>;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  collectLogLines();
  const [sent, reached] = [watchStatements(), watchPlaces()];
  await useAllServices();
  await useRareFlows();
  await useAllFlows(new SensitiveData());
  sent.stop();
  reached.stop();
  statements = distinctStatements(sent.trips);
  places = reached.count();
}, 120_000);

interface Meant extends Pick<Flaw, "kind" | "step"> {
  readonly sql: RegExp;
  readonly why: string;
}

const expired = (kind: string, table: string, index: string, column: string): Meant => ({
  kind: "open range",
  step: `SEARCH ${table} USING ${kind}INDEX ${index} (${column}<?)`,
  sql: new RegExp(`^(delete from|update) "${table}" .* limit \\?\\)`),
  why: "The hourly job takes what is over from the end of the index, 500 rows at a time.",
});

/** What is not a search by value, and is meant. */
const meant: readonly Meant[] = [
  {
    kind: "sort",
    step: "USE TEMP B-TREE FOR ORDER BY",
    sql: /^select .* from "sessions" where \("sessions"\."user_id" = \? .* order by "sessions"\."last_seen_at" desc limit \?$/,
    why: "The list of one's own sessions. It sorts those of one account, and an index by time would be written at every request.",
  },
  {
    kind: "sort",
    step: "USE TEMP B-TREE FOR ORDER BY",
    sql: /^select .* from "users" where \(\("users"\."id" in \(select .* order by "users"\."username" asc limit \?$/,
    why: "The users whose names have one canonical form. It sorts the spellings of one name.",
  },
  {
    kind: "open range",
    step: "SEARCH users USING INTEGER PRIMARY KEY (rowid>?)",
    sql: /^select .* from "users" where \(\+"users"\."realm" = \? and "users"\.rowid > \?\) order by "users"\.rowid asc limit \?$/,
    why: "An export reads on where it stopped, in the order in which accounts were created.",
  },
  expired("", "sessions", "sessions_expires_at", "expires_at"),
  expired("", "throttles", "throttles_window_ends_at", "window_ends_at"),
  expired("", "users", "users_totp_pending_expires_at", "totp_pending_expires_at"),
  expired("", "audit_events", "audit_events_at", "at"),
  expired("", "challenges", "challenges_expires_at", "expires_at"),
  expired("COVERING ", "idempotency_keys", "idempotency_keys_expires_at", "expires_at"),
];

const isMeant = (flaw: Flaw) =>
  meant.some(({ kind, step, sql }) => kind === flaw.kind && step === flaw.step && sql.test(flaw.sql));

const findUnmeant = async () => findFlaws(await explain(statements)).filter((flaw) => !isMeant(flaw));

describe("the statements of the Worker", () => {
  it("have all been sent: every place in src/store that begins one has been reached", () => {
    const unreached = Object.entries(places).filter(([, { written, reached }]) => written !== reached);
    expect(unreached).toEqual([]);
    const total = Object.values(places).reduce((sum, { written }) => sum + written, 0);
    expect(total).toBeGreaterThan(100);
    // Several of them have more than one form, by what they are asked.
    expect(statements.length).toBeGreaterThanOrEqual(159);
  });

  it("INC-30 have room below the 100 parameters that D1 takes for a statement", () => {
    // Conditions are put into one another, so one more name in an inner one is several parameters more. Beyond 100 the response is 503.
    const many = statements.filter(({ values }) => values.length > 90);
    expect(many.map(({ sql, values }) => `${values.length} ${sql}`)).toEqual([]);
  });

  it("find their rows by an index, and sort nothing", async () => {
    expect(await findUnmeant()).toEqual([]);
  });

  it("do otherwise only where it is meant, and then each of them once", async () => {
    const flaws = findFlaws(await explain(statements));
    for (const { kind, step, sql, why } of meant) {
      const found = flaws.filter((flaw) => flaw.kind === kind && flaw.step === step && sql.test(flaw.sql));
      expect(found, why).toHaveLength(1);
    }
  });

  it("would be found out if they did not: each index is missed", async () => {
    const indexes = await query<{ name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    );
    expect(indexes.length).toBeGreaterThan(10);
    for (const { name, sql } of indexes) {
      await query(`DROP INDEX ${name}`);
      // Without a unique index an ON CONFLICT clause that names its columns is no statement any more.
      const found = await findUnmeant().catch((error: unknown) => [String(error)]);
      await query(sql);
      expect(found.length, name).toBeGreaterThan(0);
    }
    expect(await findUnmeant()).toEqual([]);
  });
});
