import { randomBytes } from "node:crypto";
import type { Bundle } from "../../scripts/bundle.ts";
import { createKeyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { type BenchAccount, codeOf, createAccounts } from "../fixtures/accounts.ts";
import { applyMigrations } from "../fixtures/migrations.ts";
import type { PreparedRequest } from "../load/exchange.ts";
import { type BenchWorker, bundleSallyport, type RunningWorkers } from "../workers.ts";
import { send } from "./send.ts";

/** One request for each compared operation. */
export interface Operations {
  readonly signIn: PreparedRequest;
  readonly verify: PreparedRequest;
  /** A proxy's access check of a visitor's request. */
  readonly sessionCheck: PreparedRequest;
  readonly whoAmI: PreparedRequest;
}

const keys = `k1:${randomBytes(32).toString("base64")}`;

/** Bundles Sallyport with a counter of its trips to D1. */
export const bundleSallyportTrips = (): Bundle =>
  bundleSallyport({ entry: "./peers/sallyport-trips.worker.ts" });

/** Returns a Worker of Sallyport with its own database. */
export const sallyportTripsWorker = (
  name: string,
  bundle: Bundle,
  variables: Readonly<Record<string, string>> = {},
): BenchWorker => ({
  name,
  bundle,
  variables: { KEYRING: keys, ADMIN_KEY: randomBytes(32).toString("base64url"), ...variables },
  databases: { DB: name },
  namespaces: { BLOCKS: name },
});

/** Creates two accounts: one has a full session, and the other a pending session. */
export async function prepareSallyport(running: RunningWorkers, name: string): Promise<Operations> {
  const parsed = parseKeyringEntries(keys);
  if (!parsed.ok) throw new Error("KEYRING is not valid");
  const database = await running.database(name, "DB");
  await applyMigrations(database);
  const [ada, bob] = await createAccounts(database, createKeyring(parsed.entries), 2);
  if (ada === undefined || bob === undefined) throw new Error("There are no accounts");
  const origin = await running.url(name);
  const { session_token } = await answerOf(origin, await begin(origin, bob), "success");
  return {
    signIn: signInOf(ada),
    verify: await begin(origin, ada),
    sessionCheck: get("/auth-request", session_token, {
      "X-Original-Method": "GET",
      "X-Original-URL": "https://site.example.com/",
    }),
    whoAmI: get("/session", session_token),
  };
}

const get = (path: string, token: string, headers: Record<string, string> = {}): PreparedRequest => ({
  method: "GET",
  path: `/api/auth${path}`,
  headers: { Cookie: `__Host-sallyport=${token}`, ...headers },
  status: 200,
});

const signInOf = ({ username, password }: BenchAccount) => post("/login", { username, password });

/** Signs in with the password. Returns the request of the second step. */
async function begin(origin: URL, account: BenchAccount): Promise<PreparedRequest> {
  const { session_token } = await answerOf(origin, signInOf(account), "totp_required");
  return post("/totp/verify", { session_token, code: await codeOf(account.secret, new Date()) });
}

const post = (path: string, body: unknown): PreparedRequest => ({
  method: "POST",
  path: `/api/auth${path}`,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  status: 200,
});

async function answerOf(
  origin: URL,
  request: PreparedRequest,
  status: string,
): Promise<{ session_token: string }> {
  const answer = JSON.parse((await send(origin, request)).text) as { status: string; session_token: string };
  if (answer.status !== status) throw new Error(`${request.path} says ${answer.status}`);
  return answer;
}
