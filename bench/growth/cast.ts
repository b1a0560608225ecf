import type { Keyring } from "../../src/core/crypto/keyring.ts";
import { type BenchAccount, generateAccount } from "../fixtures/accounts.ts";
import { generateFull, generatePending } from "../fixtures/sessions.ts";
import { addSessions, fillDatabase, shuffled } from "./fill.ts";
import { type DatabaseSizes, measureTables } from "./table-sizes.ts";

/** The numbers of accounts with known credentials, by their use in the benchmark. */
export interface CastPlan {
  readonly verifying: number;
  readonly signingIn: number;
  readonly present: number;
}

/** The accounts of a database with known credentials. */
export interface Cast {
  /** Accounts with a pending session. Each is used for one request, because a code is accepted once. */
  readonly verifying: { readonly account: BenchAccount; readonly token: string }[];
  readonly signingIn: readonly BenchAccount[];
  /** Tokens of full sessions, one per account. */
  readonly present: readonly string[];
}

/** A filled database. */
export interface Place {
  readonly users: number;
  readonly cast: Cast;
  /** Measured without the pending sessions, which would distort a small database. */
  readonly sizes: DatabaseSizes;
}

/** Fills a closed database with users, some of which have known credentials. */
export async function populate(
  path: string,
  users: number,
  plan: CastPlan,
  keyring: Keyring,
  report: (text: string) => void,
): Promise<Place> {
  const now = new Date();
  const count = plan.verifying + plan.signingIn + plan.present;
  const generated = await Promise.all(Array.from({ length: count }, () => generateAccount(keyring, now)));
  // Shuffled, because otherwise accounts with the same use would be adjacent in the table.
  const people = shuffled(generated.map(({ account }) => account));
  const take = (few: number) => people.splice(0, few);
  const [verifying, signingIn, present] = [take(plan.verifying), take(plan.signingIn), take(plan.present)];
  const full = await Promise.all(present.map((account) => generateFull(keyring, account, now)));
  const pending = await Promise.all(
    verifying.map(async (account) => ({ account, ...(await generatePending(keyring, account, now)) })),
  );
  const [user, session] = [generated[0]?.row, full[0]?.row];
  if (user === undefined || session === undefined) throw new Error("Nobody is real");
  const accounts = generated.map(({ row }) => row);
  const sessions = full.map(({ row }) => row);
  fillDatabase(path, { users, accounts, sessions, samples: { user, session }, now }, (done) =>
    report(`${users} users: ${Math.round(100 * done)} %`),
  );
  const sizes = measureTables(path);
  addSessions(
    path,
    pending.map(({ row }) => row),
  );
  return { users, cast: { verifying: pending, signingIn, present: full.map(({ token }) => token) }, sizes };
}
