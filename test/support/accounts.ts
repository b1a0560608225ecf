import { enrolmentCounter } from "../../src/domain/sign-in/throttle.ts";
import { getConfig } from "../../src/runtime.ts";
import { advance } from "./clock.ts";
import { query } from "./rows.ts";
import {
  type Account,
  type Answer,
  type CallOptions,
  Client,
  code,
  createEnrolledAccount,
  type EnrolledAccount,
  environment,
  pendingToken,
} from "./worker.ts";

const made = new Map<string, { account: EnrolledAccount; row: Record<string, unknown> }>();

/**
 * Creates an account with a second factor, without sessions, events and counters. All codes that are valid now are unspent. Within a test
 * file, a later call restores the row of the first one, which saves two password hashes. Needs a stopped clock.
 */
export async function createReadyAccount(username = "ada"): Promise<EnrolledAccount> {
  const known = made.get(username);
  const account = known?.account ?? (await createEnrolledAccount(username));
  if (known === undefined) {
    const [row = {}] = await query<Record<string, unknown>>("SELECT * FROM users WHERE id = ?", account.id);
    made.set(username, { account, row });
    await query("DELETE FROM sessions WHERE user_id = ?", account.id);
    await query("DELETE FROM audit_events WHERE user_id = ?", account.id);
    const { key } = await enrolmentCounter(getConfig(environment()).keyring, account.id);
    await query("DELETE FROM throttles WHERE key = ?", key);
  } else {
    const names = Object.keys(known.row);
    const places = names.map(() => "?").join(", ");
    await query(`INSERT INTO users (${names.join(", ")}) VALUES (${places})`, ...Object.values(known.row));
  }
  advance(90);
  return account;
}

/** Submits a code for a pending session. */
export function verify(
  token: string,
  text: unknown,
  options: CallOptions = {},
  client = new Client(),
): Promise<Answer> {
  return client.post("/totp/verify", { session_token: token, code: text }, options);
}

/** Signs in with the password and a TOTP or backup code. */
export async function signInWith(
  account: Account,
  text: unknown,
  options: CallOptions = {},
): Promise<Answer> {
  return verify(await pendingToken(account, new Client(), options), text, options);
}

/** Signs in with both factors, and returns the token. Spends the code of the current step, and advances the clock by a step. */
export async function fullToken(account: EnrolledAccount): Promise<string> {
  const answer = await signInWith(account, await code(account.secret));
  if (answer.status !== 200) throw new Error(`POST /totp/verify: ${answer.status} ${answer.text}`);
  advance(30);
  return answer.json.session_token;
}

/**
 * The parts of a response that a client can compare: status, headers and body, without the request id. Two responses with equal parts are
 * indistinguishable.
 */
export function visible({ status, headers, text }: Answer): unknown {
  const id = headers.get("X-Request-Id");
  const rest = [...headers].filter(([name]) => name !== "x-request-id");
  return { status, headers: rest, body: id === null ? text : text.replaceAll(id, "") };
}
