import type { Keyring } from "../../src/core/crypto/keyring.ts";
import { type BenchAccount, generateAccount } from "../fixtures/accounts.ts";
import { generateFull, generatePending } from "../fixtures/sessions.ts";
import { addSessions, fillDatabase, shuffled } from "./fill.ts";
import { type DatabaseSizes, measureTables } from "./table-sizes.ts";

/** How many of the users of a database are real, and what they are there for. */
export interface CastPlan {
  readonly verifying: number;
  readonly signingIn: number;
  readonly present: number;
}

/** The accounts of a database with known credentials. */
export interface Cast {
  /** Each with a pending session: a code is good once, so each is there for one request. */
  readonly verifying: { readonly account: BenchAccount; readonly token: string }[];
  readonly signingIn: readonly BenchAccount[];
  /** Tokens of full sessions, one an account. */
  readonly present: readonly string[];
}

/** A database that has been filled. */
export interface Place {
  readonly users: number;
  readonly cast: Cast;
  /** Without the pending sessions, which are many for a small database. */
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
  const drawn = await Promise.all(Array.from({ length: count }, () => generateAccount(keyring, now)));
  // Shuffled, because those of one kind would else stand together in the table.
  const people = shuffled(drawn.map(({ account }) => account));
  const take = (few: number) => people.splice(0, few);
  const [verifying, signingIn, present] = [take(plan.verifying), take(plan.signingIn), take(plan.present)];
  const full = await Promise.all(present.map((account) => generateFull(keyring, account, now)));
  const pending = await Promise.all(
    verifying.map(async (account) => ({ account, ...(await generatePending(keyring, account, now)) })),
  );
  const [user, session] = [drawn[0]?.row, full[0]?.row];
  if (user === undefined || session === undefined) throw new Error("Nobody is real");
  const accounts = drawn.map(({ row }) => row);
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
