import type { Keyring } from "../../src/core/crypto/keyring.ts";
import { totpPeriodSeconds } from "../../src/core/crypto/totp.ts";
import { type BenchAccount, codeOf, createAccounts, unspendSteps } from "../fixtures/accounts.ts";
import { openFull, openPending } from "../fixtures/sessions.ts";
import type { PreparedRequest } from "../load/exchange.ts";

/** Creates requests of several kinds, for many accounts. */
export interface Mix {
  /** The number of requests that `next` returns: one of each kind for each account. */
  readonly size: number;
  /** Returns the next requests. Each account gets a new pending session, and its failures are reset. */
  next(): Promise<readonly PreparedRequest[]>;
}

const base = "/api/auth";
const page = { Accept: "text/html" };

/** @param size a multiple of five, the number of kinds */
export async function createMix(db: D1Database, keyring: Keyring, size: number): Promise<Mix> {
  const accounts = await createAccounts(db, keyring, size / 5);
  const tokens = await openFull(db, keyring, accounts);
  return {
    size,
    async next() {
      await unspendSteps(db, accounts);
      const pending = await openPending(db, keyring, accounts);
      const of = (account: BenchAccount, index: number) =>
        requestsOf(account, tokens[index] ?? "", pending[index] ?? "");
      return (await Promise.all(accounts.map(of))).flat();
    },
  };
}

/** Returns a session check that reads D1, a request that passes the gate, two pages, and a wrong code. */
async function requestsOf(
  { secret }: BenchAccount,
  token: string,
  pendingToken: string,
): Promise<PreparedRequest[]> {
  const cookie = { Cookie: `__Host-sallyport=${token}` };
  const guess = JSON.stringify({ session_token: pendingToken, code: await wrongCode(secret) });
  const json = { "Content-Type": "application/json" };
  return [
    { method: "GET", path: `${base}/session`, headers: cookie, status: 200 },
    { method: "GET", path: "/bytes/200", headers: cookie, status: 200 },
    { method: "GET", path: `${base}/sign-in`, headers: page, status: 200 },
    { method: "GET", path: `${base}/account`, headers: { ...page, ...cookie }, status: 200 },
    { method: "POST", path: `${base}/totp/verify`, headers: json, body: guess, status: 401 },
  ];
}

/** Returns six digits that are not a valid code of this secret, now or in the next minute. */
async function wrongCode(secret: string): Promise<string> {
  const periods = [-1, 0, 1, 2, 3].map((n) => new Date(Date.now() + n * totpPeriodSeconds * 1000));
  const right = await Promise.all(periods.map((at) => codeOf(secret, at)));
  return (
    ["000000", "111111", "222222", "333333", "444444", "555555"].find((code) => !right.includes(code)) ?? ""
  );
}
