import { env } from "cloudflare:workers";
import {
  computeSessionId,
  generateSessionSecret,
  signPendingSessionToken,
} from "../../src/core/tokens/session-token.ts";
import { getConfig } from "../../src/runtime.ts";
import { query } from "./rows.ts";
import { type Account, environment, pendingToken } from "./worker.ts";

/**
 * Opens many pending sessions of one account with one sign-in. The first session comes from the API, the others are copies of its row with
 * their own ids and tokens. A sign-in for each would take seconds for password hashes.
 */
export async function openPendingSessions(account: Account, count: number): Promise<string[]> {
  const first = await pendingToken(account);
  const [row] = await query<Record<string, unknown>>(
    "SELECT * FROM sessions WHERE kind = 'pending' AND user_id = ? ORDER BY rowid DESC LIMIT 1",
    account.id,
  );
  if (row === undefined) throw new Error("There is no pending session to copy");
  const columns = Object.keys(row).filter((name) => name !== "id");
  const names = columns.join(", ");
  const copy = env.DB.prepare(
    `INSERT INTO sessions (id, ${names}) VALUES (?, ${columns.map(() => "?").join(", ")})`,
  );
  const values = columns.map((name) => row[name]);
  const secrets = Array.from({ length: count - 1 }, () => generateSessionSecret());
  const ids = await Promise.all(secrets.map(computeSessionId));
  if (ids.length > 0) await env.DB.batch(ids.map((id) => copy.bind(id, ...values)));

  const { keyring } = getConfig(environment());
  const expiresAt = new Date(Number(row.expires_at));
  const copies = secrets.map((sessionSecret) =>
    signPendingSessionToken(keyring, { sessionSecret, username: "ada", expiresAt }, new Date()),
  );
  return [first, ...(await Promise.all(copies))];
}
