import { env } from "cloudflare:workers";

/** A row of `users`. */
export interface UserRecord {
  readonly id: string;
  readonly username: string;
  readonly password_hash: string | null;
  readonly totp_enabled: number;
  readonly totp_secret: string | null;
  readonly totp_setup_at: number | null;
  readonly backup_codes: string | null;
  readonly totp_last_step: number;
  readonly totp_pending_secret: string | null;
  readonly totp_pending_expires_at: number | null;
  readonly second_factor_failures: number;
  readonly second_factor_blocked_until: number | null;
}

/** A row of `sessions`. */
export interface SessionRecord {
  readonly id: string;
  readonly kind: "pending" | "full";
  readonly user_id: string;
  readonly attempts: number;
  readonly expires_at: number;
}

/** A row of `audit_events`. */
export interface EventRecord {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly realm: string | null;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly client_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly actor: string | null;
  readonly detail: string | null;
}

/** A row of `throttles`. */
export interface ThrottleRecord {
  readonly key: string;
  readonly failures: number;
  readonly window_ends_at: number;
  readonly blocked_until: number | null;
}

/** Runs a statement on the database itself, without the test's interceptors. */
export async function query<Row>(sql: string, ...values: unknown[]): Promise<Row[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all<Row>();
  return results;
}

/** Reads the row of an account. */
export async function readUser(id: string): Promise<UserRecord> {
  const [row] = await query<UserRecord>("SELECT * FROM users WHERE id = ?", id);
  if (row === undefined) throw new Error(`There is no user ${id}`);
  return row;
}

/** Lists all sessions, or those of one kind. */
export async function listSessionRows(kind?: SessionRecord["kind"]): Promise<SessionRecord[]> {
  const rows = await query<SessionRecord>("SELECT * FROM sessions ORDER BY created_at");
  return kind === undefined ? rows : rows.filter((row) => row.kind === kind);
}

/** Lists the events of these types in the order of insertion. */
export function listEvents(...types: string[]): Promise<EventRecord[]> {
  return query<EventRecord>(
    `SELECT * FROM audit_events WHERE type IN (${types.map(() => "?").join(", ")}) ORDER BY rowid`,
    ...types,
  );
}

/** Lists all events in the order of insertion. */
export const listEveryEvent = () => query<EventRecord>("SELECT * FROM audit_events ORDER BY rowid");

/** Counts the evaluated codes. Each code writes exactly one of these events. */
export async function countEvaluated(): Promise<{ accepted: number; refused: number; replayed: number }> {
  const count = async (type: string) => (await listEvents(type)).length;
  return {
    accepted: await count("second_factor.accepted"),
    refused: await count("second_factor.refused"),
    replayed: await count("second_factor.replayed"),
  };
}

/** Reads every row of every table of the Worker. */
export async function dumpDatabase(): Promise<Record<string, Record<string, unknown>[]>> {
  const tables = await query<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  );
  const dump: Record<string, Record<string, unknown>[]> = {};
  for (const { name } of tables) dump[name] = await query(`SELECT * FROM "${name}"`);
  return dump;
}

/** Reads every key and value of KV. */
export async function dumpKv(): Promise<Record<string, string | null>> {
  const { keys } = await env.BLOCKS.list();
  const values = await Promise.all(keys.map(({ name }) => env.BLOCKS.get(name)));
  return Object.fromEntries(keys.map(({ name }, index) => [name, values[index] ?? null]));
}
