import { scrypt } from "node:crypto";
import { base64nopad } from "@scure/base";
import { createReadyAccount, fullToken } from "./accounts.ts";
import { openPendingSessions } from "./pending.ts";
import { listSessionRows, query, readUser } from "./rows.ts";
import { readState } from "./states.ts";
import type { World } from "./sweep.ts";
import { type Account, Client, code, createAccount, type EnrolledAccount } from "./worker.ts";

/** Two accounts and their sessions. */
export interface FaultWorld extends World {
  /** An account with a second factor. Its current code is unspent. */
  readonly ada: EnrolledAccount;
  /** The hash of ada's password, as the Worker computes it. `state` has a cheaper hash instead. */
  readonly adaHash: string;
  readonly adaToken: string;
  /** The id of ada's session in another browser. */
  readonly adaOtherId: string;
  /** The tokens of ada's pending sessions. */
  readonly pending: string;
  readonly nextPending: string;
  readonly lastPending: string;
  /** An account with a pending secret and without a second factor. */
  readonly bob: Account;
  readonly bobToken: string;
  readonly bobSecret: string;
}

/** Creates the accounts and sessions through the API, in the empty stores of `useFreshWorker`. */
export async function createFaultWorld(): Promise<FaultWorld> {
  const ada = await createReadyAccount();
  const adaToken = await fullToken(ada);
  await fullToken(ada);
  const adaOtherId = (await listSessionRows("full")).at(-1)?.id ?? "";
  const [pending = "", nextPending = "", lastPending = ""] = await openPendingSessions(ada, 3);
  const bob = await createAccount("bob");
  const client = new Client();
  const bobToken: string = (await client.login(bob)).json.session_token;
  const bobSecret: string = (await client.post("/totp/setup", {}, { token: bobToken })).json.data.secret;
  const adaHash = (await readUser(ada.id)).password_hash ?? "";
  for (const account of [ada, bob])
    await query(
      "UPDATE users SET password_hash = ? WHERE id = ?",
      await cheapHash(account.password),
      account.id,
    );
  const sessions = { adaToken, adaOtherId, pending, nextPending, lastPending };
  return { ada, adaHash, ...sessions, bob, bobToken, bobSecret, state: await readState(), at: Date.now() };
}

/** A password hash that the Worker accepts, at a thousandth of the cost of its own. */
export function cheapHash(password: string): Promise<string> {
  const salt = new Uint8Array(16);
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, { N: 16, r: 1, p: 1, maxmem: 1_000_000 }, (error, hash) => {
      if (error !== null) reject(error);
      else
        resolve(
          `$scrypt$ln=4,r=1,p=1$${base64nopad.encode(salt)}$${base64nopad.encode(new Uint8Array(hash))}`,
        );
    });
  });
}

/** The code of the current step. */
export const codeNow = ({ ada }: FaultWorld): Promise<string> => code(ada.secret);
