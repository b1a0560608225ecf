import { env } from "cloudflare:workers";
import { countUnspentBackupCodes, decodeBackupCodeHashes } from "../../src/core/crypto/backup-code-hashes.ts";
import { openField } from "../../src/core/crypto/envelope.ts";
import type { Keyring } from "../../src/core/crypto/keyring.ts";
import { workersKeyring } from "./gate.ts";
import { dumpDatabase, dumpKv, type EventRecord } from "./rows.ts";

type Row = Record<string, unknown>;

/** Every row of every table. */
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** The content of D1 and KV. */
export interface State {
  readonly tables: Tables;
  readonly kv: Readonly<Record<string, string | null>>;
}

const names: string[] = [];

/** Reads all tables in one trip. */
export async function readTables(): Promise<Tables> {
  if (names.length === 0)
    names.push(...Object.keys(await dumpDatabase()).filter((name) => name !== "d1_migrations"));
  const results = await env.DB.batch<Row>(names.map((name) => env.DB.prepare(`SELECT * FROM "${name}"`)));
  return Object.fromEntries(results.map(({ results: rows }, index) => [names[index] ?? "", rows]));
}

/** Reads D1 and KV. */
export const readState = async (): Promise<State> => ({ tables: await readTables(), kv: await dumpKv() });

/** Writes a state back to D1 and KV. Creating it again through the API takes a hundred times as long. */
export async function restoreState({ tables, kv }: State): Promise<void> {
  const statements = Object.entries(tables).flatMap(([table, rows]) => [
    env.DB.prepare(`DELETE FROM "${table}"`),
    ...rows.map((row) => {
      const columns = Object.keys(row);
      const places = columns.map(() => "?").join(", ");
      return env.DB.prepare(`INSERT INTO "${table}" (${columns.join(", ")}) VALUES (${places})`).bind(
        ...Object.values(row),
      );
    }),
  ]);
  await env.DB.batch(statements);
  const { keys } = await env.BLOCKS.list();
  await Promise.all(keys.map(({ name }) => env.BLOCKS.delete(name)));
  await Promise.all(Object.entries(kv).map(([name, value]) => env.BLOCKS.put(name, value ?? "")));
}

/** Columns with random values: ids, hashes, envelopes. */
const drawn = /(^|_)(id|hash|secret|codes)$/;

/**
 * A description of the rows in which random values that are not in `before` are replaced by "new". Two ways to the same state have equal
 * descriptions.
 */
export async function shapeOf(tables: Tables, before: Tables, keyring = workersKeyring()): Promise<string[]> {
  const known = new Set(Object.values(before).flatMap((rows) => rows.flatMap(Object.values)));
  const shapes = Object.entries(tables).flatMap(([table, rows]) =>
    rows.map(async (row) => {
      const cells = Object.entries(row).map(([name, value]) => {
        const isNew = value !== null && drawn.test(name) && !known.has(value);
        return [name, isNew ? "new" : value];
      });
      return `${table} ${JSON.stringify(cells)} ${table === "users" ? await countCodes(row, keyring) : ""}`;
    }),
  );
  return (await Promise.all(shapes)).sort();
}

/** The number of unspent backup codes. Null when the account has no backup codes. */
async function countCodes({ id, backup_codes: envelope }: Row, keyring: Keyring): Promise<number | null> {
  if (envelope === null) return null;
  const place = { table: "users", column: "backup_codes", rowId: String(id) };
  const opened = await openField(keyring, place, String(envelope));
  if (!opened.ok) throw new Error(`The backup codes of ${id} do not open`);
  return countUnspentBackupCodes(decodeBackupCodeHashes(opened.text));
}

interface Change {
  readonly before: Tables;
  readonly after: Tables;
  readonly users: readonly { was: Row | undefined; is: Row }[];
  readonly opened: readonly Row[];
  readonly ended: readonly Row[];
  readonly events: readonly EventRecord[];
}

const rowsOf = (tables: Tables, table: string) => tables[table] ?? [];
const idsOf = (rows: readonly Row[]) => new Set(rows.map(({ id }) => id));

function changeBetween(before: Tables, after: Tables): Change {
  const [sessionsBefore, sessionsAfter] = [rowsOf(before, "sessions"), rowsOf(after, "sessions")];
  const [idsBefore, idsAfter] = [idsOf(sessionsBefore), idsOf(sessionsAfter)];
  const known = idsOf(rowsOf(before, "audit_events"));
  return {
    before,
    after,
    users: rowsOf(after, "users").map((is) => ({
      was: rowsOf(before, "users").find(({ id }) => id === is.id),
      is,
    })),
    opened: sessionsAfter.filter(({ id }) => !idsBefore.has(id)),
    ended: sessionsBefore.filter(({ id }) => !idsAfter.has(id)),
    events: rowsOf(after, "audit_events").filter(({ id }) => !known.has(id)) as unknown as EventRecord[],
  };
}

/**
 * Finds inconsistent changes: a change without its event, an event without its change, or one of two changes that belong together. `now` is
 * the latest possible time of the changes.
 */
export async function findHalfDone(
  before: Tables,
  after: Tables,
  now: number,
  keyring = workersKeyring(),
): Promise<string[]> {
  const change = changeBetween(before, after);
  const { users } = change;
  const perUser = await Promise.all(users.map(({ was, is }) => judgeUser(change, was, is, keyring)));
  return [
    ...perUser.flat(),
    ...judgeOpened(change),
    ...judgeEnded(change, now),
    ...judgeAccepted(change),
    ...judgeThrottles(change),
  ];
}

const methodOf = ({ detail }: EventRecord) => JSON.parse(detail ?? "{}").method;

async function judgeUser(
  { events }: Change,
  was: Row | undefined,
  is: Row,
  keyring: Keyring,
): Promise<string[]> {
  const own = events.filter(({ user_id }) => user_id === is.id);
  const of = (type: string) => own.filter((event) => event.type === type);
  if (was === undefined) return of("user.created").length === 1 ? [] : ["a user without user.created"];
  const found: string[] = [];
  const accepted = of("second_factor.accepted");
  const steps = accepted.filter((event) => methodOf(event) === "totp").length;
  const moved = Number(is.totp_last_step) - Number(was.totp_last_step);
  if (moved < steps || (steps === 0 && moved !== 0)) found.push(`${steps} steps accepted, moved by ${moved}`);
  const renewed = ["totp.enabled", "totp.disabled", "backup_codes.regenerated"].some(
    (type) => of(type).length > 0,
  );
  const spent = ((await countCodes(was, keyring)) ?? 0) - ((await countCodes(is, keyring)) ?? 0);
  const used = accepted.filter((event) => methodOf(event) === "backup_code").length;
  if (!renewed && spent !== used) found.push(`${spent} backup codes spent, ${used} accepted`);
  const failures = own.reduce((count, { type }) => {
    if (type === "second_factor.accepted") return 0;
    return type === "second_factor.refused" ? count + 1 : count;
  }, Number(was.second_factor_failures));
  if (is.second_factor_failures !== failures)
    found.push(`${is.second_factor_failures} failures counted, ${failures} written down`);
  const turned = Number(is.totp_enabled) - Number(was.totp_enabled);
  const switched = of("totp.enabled").length - of("totp.disabled").length;
  if (turned !== switched) found.push(`two-factor authentication turned by ${turned}, said ${switched}`);
  return found;
}

/** Finds new sessions without an event for each of their factors. */
function judgeOpened({ opened, events }: Change): string[] {
  const wrote = (types: readonly string[], fits: (event: EventRecord) => boolean) =>
    events.some((event) => types.includes(event.type) && fits(event));
  return opened.flatMap((session) => {
    const ofUser = ({ user_id }: EventRecord) => user_id === session.user_id;
    const first = wrote(["first_factor.accepted"], (event) =>
      // The event of an external sign-in is written before its session is known.
      event.session_id === null ? event.at === session.created_at : event.session_id === session.id,
    );
    const replaced = wrote(["totp.disabled"], ofUser);
    const second = wrote(
      ["second_factor.accepted"],
      (event) => ofUser(event) && event.at === session.second_factor_at,
    );
    const grounds = session.second_factor_at === null ? first || replaced : second;
    return grounds ? [] : [`a ${session.kind} session without its factors`];
  });
}

/** Finds ended sessions without an event, except expired and replaced ones. */
function judgeEnded({ ended, events }: Change, now: number): string[] {
  return ended.flatMap((session) => {
    const recorded = events.some(
      ({ type, session_id, user_id }) =>
        (["session.ended", "second_factor.accepted"].includes(type) && session_id === session.id) ||
        (["session.others_ended", "totp.enabled", "totp.disabled"].includes(type) &&
          user_id === session.user_id),
    );
    return recorded || Number(session.expires_at) <= now ? [] : ["a session has ended without a record"];
  });
}

/** Finds accepted codes without an effect: a new or refreshed session, or an event of a change. */
function judgeAccepted({ after, events }: Change): string[] {
  return events.flatMap(({ type, at, user_id, request_id }) => {
    if (type !== "second_factor.accepted") return [];
    const inSession = rowsOf(after, "sessions").some(
      (session) => session.user_id === user_id && session.second_factor_at === at,
    );
    const changed = events.some(
      (event) =>
        event.request_id === request_id &&
        ["totp.enabled", "totp.disabled", "backup_codes.regenerated"].includes(event.type),
    );
    return inSession || changed ? [] : ["a code was spent for nothing"];
  });
}

/** Finds counters that have not grown by the number of rejected passwords or started set-ups. */
function judgeThrottles({ before, after, events }: Change): string[] {
  const count = (type: string) => events.filter((event) => event.type === type).length;
  const [refused, started] = [count("first_factor.refused"), count("totp.setup_started")];
  const failuresBefore = new Map(
    rowsOf(before, "throttles").map(({ key, failures }) => [key, Number(failures)]),
  );
  const grown = rowsOf(after, "throttles")
    .map(({ key, failures }) => Number(failures) - (failuresBefore.get(key) ?? 0))
    .filter((growth) => growth !== 0);
  const known = grown.every((growth) => growth === refused || growth === started);
  const counted = refused === 0 || grown.includes(refused);
  // A correct password resets some of them.
  if ((known && counted) || count("first_factor.accepted") > 0) return [];
  return [`${refused} passwords refused and ${started} set-ups started, counters grown by ${grown}`];
}
