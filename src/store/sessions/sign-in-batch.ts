import { and, eq, exists, isNull, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { joinConditionsWithAnd } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { auditEvents, type SessionRow, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, eventHasTypeCondition, insertEventWhereStatement } from "../service/audit.ts";
import {
  type FirstFactorOnlySessionLimits,
  type OpenFirstFactorOnlySessionInput,
  openedOrSharedFirstFactorOnlySessionQueries,
  openFirstFactorOnlySessionStatements,
  pickOpenedOrSharedFirstFactorOnlySession,
} from "./first-factor-session-rows.ts";
import type { Session } from "./session-rows.ts";
import {
  type BlockingCounter,
  blockedUntilQuery,
  blockingCountersQuery,
  deleteCounterWhereStatement,
  incrementCounterWhereStatement,
  noCounterBlocksCondition,
  type ThrottleCounter,
} from "./throttles.ts";

/** The account of a user name, and whether its counters block, before the password is compared. */
export interface AccountForSignIn {
  readonly user: UserRow | null;
  /** Until when the counters block. Null: none blocks. */
  readonly blockedUntil: Date | null;
}

/** Reads account and counters in one query from the nearest replica. The query is the same whether or not the account exists. */
export async function findAccountForSignIn(
  db: Database,
  name: AccountName,
  counters: readonly ThrottleCounter[],
  now: Date,
): Promise<AccountForSignIn> {
  const { nearest } = db;
  const blocked = blockedUntilQuery(nearest, counters, now).as("blocked");
  const [row] = await runD1Query(() =>
    nearest
      .select({ blockedUntil: blocked.until, user: users })
      .from(blocked)
      .leftJoin(users, accountIsNamed(name)),
  );
  return { user: row?.user ?? null, blockedUntil: row?.blockedUntil ?? null };
}

/** The user name of a sign-in, in its realm. */
export interface AccountName {
  readonly realm: string;
  readonly username: string;
}

/** A sign-in after its password was compared. */
interface EvaluatedSignIn {
  readonly name: AccountName;
  readonly counters: readonly ThrottleCounter[];
  readonly event: AuditEvent;
}

/** A wrong password, or no account to compare it with. */
export interface CountSignInFailureInput extends EvaluatedSignIn {
  /** The columns that were read for the comparison. If they have changed on the primary, the failure is not counted. */
  readonly comparedWith: Pick<UserRow, "passwordHash" | "disabledAt"> | null;
}

/** A right password. */
export interface OpenOrShareSignInSessionInput extends EvaluatedSignIn {
  /** Pending for an account with a second factor, else full. */
  readonly session: Session;
  readonly bounds: FirstFactorOnlySessionLimits;
  /** The account as it was read. If it has changed on the primary, no session is opened. */
  readonly user: UserRow;
  /** The counter that is reset, because the password was right. */
  readonly resetCounter: ThrottleCounter;
  /** A hash with the current parameters, when the stored one has others. */
  readonly newPasswordHash: string | null;
}

/** What the batch of a sign-in changed, and the state on the primary after it. */
export interface SignInBatchResult {
  /** True when the batch took effect: it opened the session after a right password, or counted the failure after a wrong one. */
  readonly done: boolean;
  /** The counters that block now. */
  readonly overflows: readonly BlockingCounter[];
  readonly user: UserRow | null;
}

/** The outcome of a right password. */
export interface OpenOrShareSignInSessionResult extends SignInBatchResult {
  /** The session that was opened, or the pending one that this client shares. Null: not done. */
  readonly session: SessionRow | null;
}

/**
 * Inserts a session within the limits if no counter blocks on the primary and the account has not changed since it was read.
 * One batch.
 */
export async function openOrShareSignInSession(
  db: Database,
  {
    name,
    session,
    bounds,
    user,
    counters,
    resetCounter,
    newPasswordHash,
    event,
  }: OpenOrShareSignInSessionInput,
  now: Date,
): Promise<OpenOrShareSignInSessionResult> {
  const { primary } = db;
  const unchanged = primary
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        eq(users.id, user.id),
        isNull(users.disabledAt),
        sql`${users.passwordHash} IS ${user.passwordHash}`,
        eq(users.totpEnabled, user.totpEnabled),
      ),
    );
  const condition = joinConditionsWithAnd(
    exists(unchanged),
    noCounterBlocksCondition(primary, counters, now),
  );
  const opening: OpenFirstFactorOnlySessionInput = {
    session,
    userId: user.id,
    condition,
    event,
    beyondLimits: "opened",
    current: null,
    bounds,
    now,
  };
  const rehash =
    newPasswordHash === null
      ? []
      : [
          primary
            .update(users)
            .set({ passwordHash: newPasswordHash })
            .where(and(eq(users.id, user.id), condition)),
        ];
  const selects = openedOrSharedFirstFactorOnlySessionQueries(primary, opening);
  const { results, ...outcome } = await runSignIn(db, { name, counters }, now, [
    ...openFirstFactorOnlySessionStatements(primary, opening),
    deleteCounterWhereStatement(primary, resetCounter.key, condition),
    ...selects,
    // This statement is the last one, because it replaces the hash that the conditions of the others compare.
    ...rehash,
  ]);
  const end = results.length - rehash.length;
  const opened = pickOpenedOrSharedFirstFactorOnlySession(
    results.slice(end - selects.length, end) as SessionRow[][],
  );
  return { ...outcome, done: opened !== null, session: opened };
}

/**
 * Counts a wrong password on every counter if the compared columns are unchanged on the primary and no counter blocks yet.
 * The statements are the same whether or not the account exists. One batch.
 */
export async function countSignInFailure(
  db: Database,
  { name, counters, event, comparedWith }: CountSignInFailureInput,
  now: Date,
): Promise<SignInBatchResult> {
  const { primary } = db;
  const stored = (column: "passwordHash" | "disabledAt") =>
    sql`(${primary.select({ value: users[column] }).from(users).where(accountIsNamed(name))})`;
  const compared = joinConditionsWithAnd(
    sql`${stored("passwordHash")} IS ${comparedWith?.passwordHash ?? null}`,
    sql`${stored("disabledAt")} IS ${comparedWith?.disabledAt?.getTime() ?? null}`,
    noCounterBlocksCondition(primary, counters, now),
  );
  const evaluated = eventHasTypeCondition(primary, event.id, event.type);
  const { results, ...outcome } = await runSignIn(db, { name, counters }, now, [
    insertEventWhereStatement(primary, event, compared),
    ...counters.map((counter) => incrementCounterWhereStatement(primary, counter, now, evaluated)),
    primary.select({ id: auditEvents.id }).from(auditEvents).where(eq(auditEvents.id, event.id)),
  ]);
  return { ...outcome, done: results.at(-1)?.length === 1 };
}

const accountIsNamed = ({ realm, username }: AccountName) =>
  and(eq(users.realm, realm), eq(users.username, username));

/** Runs the statements and reads blocked counters and the account after them, in one batch. */
async function runSignIn(
  { primary }: Database,
  { name, counters }: Pick<EvaluatedSignIn, "name" | "counters">,
  now: Date,
  statements: readonly [BatchItem<"sqlite">, ...BatchItem<"sqlite">[]],
): Promise<Omit<SignInBatchResult, "done"> & { readonly results: unknown[][] }> {
  const outcome = [
    blockingCountersQuery(primary, counters, now),
    primary.select().from(users).where(accountIsNamed(name)),
  ] as const;
  const results = (await runD1Query(() => primary.batch([...statements, ...outcome]))) as unknown[][];
  // The results of a batch are in the order of its statements, and these two are the last.
  const [overflows, [user]] = results.slice(-outcome.length) as [BlockingCounter[], UserRow[]];
  return { overflows, user: user ?? null, results: results.slice(0, -outcome.length) };
}
