import { and, desc, eq, gt, inArray, isNull, lt, lte, notExists, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  insertRowWhereStatement,
  joinConditionsWithAnd,
  previousStatementChangedOneRowCondition,
} from "../platform/conditional-insert.ts";
import { type SessionRow, sessions } from "../platform/schema.ts";
import { type AuditEvent, insertEventWhereStatement } from "../service/audit.ts";
import {
  type OpenedOrSharedPendingSession,
  pendingSessionIsNotSignedOutCondition,
  signedOutPendingSessionColumns,
} from "./pending-sessions.ts";
import {
  accountSessionLimitIsReachedCondition,
  type FirstFactorOnlySessionScope,
  firstFactorOnlySessionOfAccountAndKindCondition,
  firstFactorOnlySessionOfScopeCondition,
  firstFactorOnlySessionsAreWithinLimitsCondition,
  type RecentFirstFactorOnlySessionLimits,
} from "./recent-openings.ts";
import type { Session } from "./session-rows.ts";

/** Limits on the sessions that the first factor alone can open. */
export interface FirstFactorOnlySessionLimits extends RecentFirstFactorOnlySessionLimits {
  /** A pending session that expires after this can be shared with one more client. */
  readonly usableUntil: Date;
  readonly attemptsPerPendingSession: number;
  /** How many rows of one account stay: full sessions, and pending ones that are over. At least `maxPerAccount`. */
  readonly maxKeptRows: number;
}

/** A new session that the first factor alone opens: pending, or full for an account without a second factor. */
export interface OpenFirstFactorOnlySessionInput {
  readonly session: Session;
  /** The id of the account, or a subquery for it. */
  readonly userId: string | SQL;
  /** The condition on the account under which the session may be opened. */
  readonly condition: SQL;
  /** Written with the session, but not beyond the limits. User and session are filled in. */
  readonly event: AuditEvent;
  /** Beyond the limits the session is not opened, or it is opened without an event if no pending session can be shared. */
  readonly beyondLimits: "not_opened" | "opened";
  /** The pending session that the client already has. */
  readonly current: OpenedOrSharedPendingSession | null;
  readonly bounds: FirstFactorOnlySessionLimits;
  readonly now: Date;
}

/** One opening deletes at most this many rows, because D1 runs one statement at a time. */
const maxRemovedRows = 100;

/**
 * Returns the three statements of a batch that open a session: they insert it and its audit event, and delete the oldest rows
 * of the account. The number of rows that a caller with the first factor alone can create is
 * limited for each account, and for each account and network, however often it calls (INC-30).
 *
 * A valid pending session is never deleted in favour of another: otherwise a client with a stolen first factor could stop the
 * owner from entering a code. Beyond the limits the client shares a usable pending session instead. Full sessions without a
 * second factor are deleted in favour of newer ones.
 */
export function openFirstFactorOnlySessionStatements(
  db: DrizzleD1Database,
  opening: OpenFirstFactorOnlySessionInput,
): [BatchItem<"sqlite">, BatchItem<"sqlite">, BatchItem<"sqlite">] {
  const { session, userId, condition, event, beyondLimits, current, bounds } = opening;
  const [usableHere, usableAnywhere] = [
    selectUsableOfNetwork(db, opening),
    selectUsableOfAccount(db, opening),
  ];
  const noSessionIsUsable =
    session.kind === "pending"
      ? joinConditionsWithAnd(notExists(usableHere), notExists(usableAnywhere))
      : sql`1`;
  const mayOpen = joinConditionsWithAnd(
    condition,
    sql`${or(firstFactorOnlySessionsAreWithinLimitsCondition(db, scopeOfOpening(opening), bounds, lt), ...(beyondLimits === "opened" ? [noSessionIsUsable] : []))}`,
    ...(current === null ? [] : [notExists(selectCurrent(db, opening, current))]),
  );
  return [
    insertRowWhereStatement(db, sessions, { ...session, userId: idOf(userId) }, mayOpen),
    insertEventWhereStatement(
      db,
      { ...event, sessionId: session.id },
      joinConditionsWithAnd(
        previousStatementChangedOneRowCondition,
        firstFactorOnlySessionsAreWithinLimitsCondition(db, scopeOfOpening(opening), bounds, lte),
      ),
      { userId: idOf(userId) },
    ),
    removeSurplus(db, opening),
  ];
}

/**
 * Deletes the oldest rows of the account beyond `maxKeptRows`: full sessions, or pending ones that are over. `maxKeptRows` is not
 * below `maxPerAccount`, so enough rows stay to count openings.
 */
function removeSurplus(db: DrizzleD1Database, opening: OpenFirstFactorOnlySessionInput): BatchItem<"sqlite"> {
  const { bounds, now } = opening;
  const sessionIsOver = or(
    lte(sessions.expiresAt, now),
    sql`${sessions.attempts} >= ${bounds.attemptsPerPendingSession}`,
  );
  const surplus = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(
      and(
        firstFactorOnlySessionOfAccountAndKindCondition(scopeOfOpening(opening)),
        opening.session.kind === "full" ? undefined : sessionIsOver,
      ),
    )
    .orderBy(desc(inOrder))
    .limit(maxRemovedRows)
    .offset(bounds.maxKeptRows);
  return db.delete(sessions).where(inArray(sessions.id, surplus));
}

/**
 * Selects the result of an opening, for the same batch: the session that was opened, the pending session that the client
 * has, or the one that it shares. No row: no session.
 */
export function openedOrSharedFirstFactorOnlySessionQueries(
  db: DrizzleD1Database,
  opening: OpenFirstFactorOnlySessionInput,
) {
  const { session, current } = opening;
  // Separate statements, so that SQLite uses an index for each.
  return [
    db.select().from(sessions).where(eq(sessions.id, session.id)),
    ...(session.kind === "pending" && current !== null ? [selectCurrent(db, opening, current)] : []),
    ...(session.kind === "pending"
      ? [selectUsableOfNetwork(db, opening), selectUsableOfAccount(db, opening)]
      : []),
  ] as const;
}

/** Returns the session from the rows of {@link openedOrSharedFirstFactorOnlySessionQueries}, or null. */
export const pickOpenedOrSharedFirstFactorOnlySession = (
  results: readonly SessionRow[][],
): SessionRow | null => results.flat().at(0) ?? null;

/**
 * Returns the statements that end a session without a second factor. Its row stays, and still counts as an opening. A pending
 * session ends only for the client that opened it: other clients may share it.
 */
export function signOutFirstFactorOnlySessionStatements(
  db: DrizzleD1Database,
  { id: sessionId, kind }: Pick<Session, "id" | "kind">,
  event: AuditEvent,
  recent: RecentFirstFactorOnlySessionLimits,
): BatchItem<"sqlite">[] {
  const sessionIsUnexpired = and(
    eq(sessions.id, sessionId),
    eq(sessions.kind, kind),
    isNull(sessions.secondFactorAt),
    gt(sessions.expiresAt, event.at),
    kind === "pending" ? pendingSessionIsNotSignedOutCondition({ shared: false }) : undefined,
  );
  const own = (column: typeof sessions.userId | typeof sessions.network | typeof sessions.kind) =>
    sql`(${db.select({ value: column }).from(sessions).where(eq(sessions.id, sessionId))})`;
  const scope = { userId: own(sessions.userId), kind: own(sessions.kind), network: own(sessions.network) };
  return [
    db
      .update(sessions)
      .set(kind === "pending" ? signedOutPendingSessionColumns(event.at) : { expiresAt: event.at })
      .where(sessionIsUnexpired),
    insertEventWhereStatement(
      db,
      event,
      joinConditionsWithAnd(
        previousStatementChangedOneRowCondition,
        firstFactorOnlySessionsAreWithinLimitsCondition(db, scope, recent, lte),
      ),
    ),
  ];
}

const idOf = (userId: string | SQL): SQL => (typeof userId === "string" ? sql`${userId}` : userId);

/** SQLite's row ids are in the order in which rows were written, and indexes sort equal keys by them. */
const inOrder = sql`${sessions}.rowid`;

const scopeOfOpening = ({
  session,
  userId,
}: OpenFirstFactorOnlySessionInput): FirstFactorOnlySessionScope => ({
  userId: idOf(userId),
  kind: sql`${session.kind}`,
  network: sql`${session.network ?? ""}`,
});

const sessionIsUsable = ({ bounds }: OpenFirstFactorOnlySessionInput) =>
  and(gt(sessions.expiresAt, bounds.usableUntil), lt(sessions.attempts, bounds.attemptsPerPendingSession));

/** Selects the newest pending session from the same network that one more client may use. */
const selectUsableOfNetwork = (db: DrizzleD1Database, opening: OpenFirstFactorOnlySessionInput) =>
  db
    .select()
    .from(sessions)
    .where(
      and(
        firstFactorOnlySessionOfScopeCondition(scopeOfOpening(opening)),
        sessionIsUsable(opening),
        opening.condition,
      ),
    )
    .orderBy(desc(inOrder))
    .limit(1);

/** Selects a usable pending session from any network, when the account has reached its limit. Any one will do: the order is the index's. */
const selectUsableOfAccount = (db: DrizzleD1Database, opening: OpenFirstFactorOnlySessionInput) => {
  const scope = scopeOfOpening(opening);
  return db
    .select()
    .from(sessions)
    .where(
      and(
        firstFactorOnlySessionOfAccountAndKindCondition(scope),
        sessionIsUsable(opening),
        opening.condition,
        accountSessionLimitIsReachedCondition(db, scope, opening.bounds),
      ),
    )
    .orderBy(desc(sessions.network), desc(inOrder))
    .limit(1);
};

/** Selects the pending session that the client already has, which may come from another network. */
const selectCurrent = (
  db: DrizzleD1Database,
  opening: OpenFirstFactorOnlySessionInput,
  current: OpenedOrSharedPendingSession,
) =>
  db
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.id, current.id),
        pendingSessionIsNotSignedOutCondition(current),
        eq(sessions.userId, idOf(opening.userId)),
        eq(sessions.kind, "pending"),
        isNull(sessions.challengeId),
        sessionIsUsable(opening),
      ),
    );
