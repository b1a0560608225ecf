/** Copies of one row, in SQL: as many rows as the hour's job and the size of the file ask for, in seconds. */

const hex = (bytes: number) => `lower(hex(randomblob(${bytes})))`;

/** As long as a UUID, and as random. */
const uuid = `${hex(4)} || '-' || ${hex(2)} || '-' || ${hex(2)} || '-' || ${hex(2)} || '-' || ${hex(6)}`;

/** As long as a SHA-256 in base64url. */
const hash = `substr(${hex(22)}, 1, 43)`;

/** What is different in each copy: an expression of SQLite, in which `n.i` counts the copies. */
type Changes = Readonly<Record<string, string>>;

export const newUser: Changes = {
  id: uuid,
  username: `'user-' || substr(${hex(9)}, 1, 18)`,
};
export const endedSession: Changes = { id: hash, user_id: uuid, expires_at: "n.i" };
export const oldEvent: Changes = { id: uuid, user_id: uuid, session_id: hash, at: "n.i" };
export const idleThrottle: Changes = { key: hash, window_ends_at: "n.i", blocked_until: "NULL" };

/**
 * Writes copies of the first row of a table.
 *
 * @returns how many bytes larger the file has become with each of them
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
