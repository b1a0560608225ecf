import { query } from "./rows.ts";

/** Inserts many rows in one statement. `values` is SQL in which `i` counts up from `from`. */
export function insertMany(
  count: number,
  table: string,
  columns: string,
  values: string,
  from = 1,
): Promise<unknown[]> {
  return query(
    `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${from + count - 1})
     INSERT INTO ${table} (${columns}) SELECT ${values} FROM n`,
  );
}

const hour = 3_600_000;

/**
 * Inserts other accounts in two realms, each with three sessions, three events, a counter, a challenge and a stored response, none of them
 * expired. In every index they stand before and after the rows of the test.
 */
export async function insertOthers(accounts: number): Promise<void> {
  const now = Date.now();
  const side = "iif(i % 2, '0', 'zz')";
  const realm = "iif(i % 3, 'local', 'shop')";
  const user = `${side} || 'other-' || (i / 3)`;
  const at = `${now} + iif(i % 2, -1, 1) * (i % 1000)`;
  const until = `${now + hour} + i`;
  await insertMany(
    accounts,
    "users",
    "id, realm, username, totp_enabled, created_at, updated_at, totp_pending_secret, totp_pending_expires_at",
    `${side} || 'other-' || i, ${realm}, ${side} || 'other-' || i, 0, ${at}, ${at}, 'v1.k1.x', ${until}`,
  );
  await insertMany(
    3 * accounts,
    "sessions",
    "id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at",
    `${side} || 'other-' || i, iif(i % 4, 'full', 'pending'), ${user}, 0, '["pwd"]', ${at}, ${at}, ${at}, ${until}`,
  );
  await insertMany(
    3 * accounts,
    "audit_events",
    "id, at, type, realm, user_id",
    `${side} || 'other-' || i, ${at}, 'first_factor.accepted', ${realm}, ${user}`,
  );
  await insertMany(
    accounts,
    "throttles",
    "key, failures, window_ends_at",
    `${side} || 'other-' || i, 1, ${until}`,
  );
  await insertMany(
    accounts,
    "challenges",
    "id, realm, user_id, secret_hash, return_to, created_at, expires_at",
    `${side} || 'other-' || i, 'shop', ${user}, ${side} || 'other-' || i, 'https://shop.example/', ${at}, ${until}`,
  );
  await insertMany(
    accounts,
    "idempotency_keys",
    "realm, key_hash, request_hash, answer, expires_at",
    `'shop', ${side} || 'other-' || i, '', '', ${until}`,
  );
}

/** Inserts many events of one user. */
export function insertEventsOf(realm: string, userId: string, count: number): Promise<unknown[]> {
  return insertMany(
    count,
    "audit_events",
    "id, at, type, realm, user_id",
    `'${userId}-' || i, ${Date.now()} + i, 'second_factor.accepted', '${realm}', '${userId}'`,
  );
}

/** Inserts many unexpired sessions of one user. */
export function insertSessionsOf(userId: string, count: number): Promise<unknown[]> {
  const now = Date.now();
  return insertMany(
    count,
    "sessions",
    "id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at",
    `'${userId}-' || i, 'full', '${userId}', 0, '["pwd"]', ${now}, ${now}, ${now} + i, ${now + hour} + i`,
  );
}
