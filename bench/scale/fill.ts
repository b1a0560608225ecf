/** Inserts copies of a row with SQL, which creates the rows for the hourly job and for the file sizes within seconds. */

const hex = (bytes: number) => `lower(hex(randomblob(${bytes})))`;

/** Random text with the length of a UUID. */
const uuid = `${hex(4)} || '-' || ${hex(2)} || '-' || ${hex(2)} || '-' || ${hex(2)} || '-' || ${hex(6)}`;

/** Random text with the length of a SHA-256 hash in base64url. */
const hash = `substr(${hex(22)}, 1, 43)`;

/** The columns that differ in each copy: SQLite expressions in which `n.i` is the number of the copy. */
type Changes = Readonly<Record<string, string>>;

export const newUser: Changes = {
  id: uuid,
  username: `'user-' || substr(${hex(9)}, 1, 18)`,
};
export const endedSession: Changes = { id: hash, user_id: uuid, expires_at: "n.i" };
export const oldEvent: Changes = { id: uuid, user_id: uuid, session_id: hash, at: "n.i" };
export const idleThrottle: Changes = { key: hash, window_ends_at: "n.i", blocked_until: "NULL" };

/**
 * Inserts copies of the first row of a table.
 *
 * @returns the growth of the file in bytes per copy
 */
export async function copyRow(db: D1Database, table: string, changes: Changes, count: number) {
  const { results } = await db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all();
  const names = results.map(({ name }) => String(name));
  const cells = names.map((name) => changes[name] ?? `template.${name}`);
  const insert = `
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO ${table} (${names.join(", ")})
    SELECT ${cells.join(", ")} FROM (SELECT * FROM ${table} LIMIT 1) AS template, n`;
  const before = await sizeOf(db);
  await db.prepare(insert).run();
  return ((await sizeOf(db)) - before) / count;
}

async function sizeOf(db: D1Database): Promise<number> {
  const { meta } = await db.prepare("SELECT 1").run();
  return meta.size_after;
}
