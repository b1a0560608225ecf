import { and, desc, eq, exists, gt, isNotNull, isNull, lte, ne, or, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  joinConditionsWithAnd,
  previousStatementChangedOneRowCondition,
} from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type SessionRow, sessions, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, insertEventWhereStatement } from "../service/audit.ts";
import { signOutFirstFactorOnlySessionStatements } from "./first-factor-session-rows.ts";
import {
  firstFactorOnlySessionsAreWithinLimitsCondition,
  type RecentFirstFactorOnlySessionLimits,
} from "./recent-openings.ts";

export type Session = SessionRow;

/** The rows of a session and its account. */
export interface SessionWithUser {
  readonly session: Session;
  readonly user: UserRow;
}

/** The times by which a full session counts as alive. */
export interface SessionExpiryAndIdleCutoffs {
  readonly now: Date;
  /** A session that was last seen at this time or earlier is idle. */
  readonly idleSince: Date;
}

/**
 * Reads a session with its account from the nearest replica, and if it is not there from the primary: a replica may not have a
 * new session yet. One or two trips.
 */
export async function findSessionOnReplicaOrPrimary(
  db: Database,
  sessionId: string,
): Promise<SessionWithUser | null> {
  return (await readSession(db.nearest, sessionId)) ?? (await readSession(db.primary, sessionId));
}

/** Reads a session with its account from the primary. One trip. */
export const findSessionOnPrimary = (db: Database, sessionId: string): Promise<SessionWithUser | null> =>
  readSession(db.primary, sessionId);

async function readSession(db: DrizzleD1Database, sessionId: string): Promise<SessionWithUser | null> {
  const [row] = await runD1Query(() =>
    db
      .select({ session: sessions, user: users })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(eq(sessions.id, sessionId))
      .limit(1),
  );
  return row ?? null;
}

/** The condition "this full session is alive, and so is its account". */
export function fullSessionIsAliveCondition(
  db: DrizzleD1Database,
  sessionId: string,
  { now, idleSince }: SessionExpiryAndIdleCutoffs,
) {
  return and(
    eq(sessions.id, sessionId),
    eq(sessions.kind, "full"),
    gt(sessions.expiresAt, now),
    gt(sessions.lastSeenAt, idleSince),
    exists(openAccount(db)),
  );
}

const openAccount = (db: DrizzleD1Database) =>
  db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, sessions.userId), isNull(users.disabledAt)));

/** The statement that sets `last_seen_at` of a full session. It changes one row, or none when the session is over. */
export function touchFullSessionStatement(
  db: DrizzleD1Database,
  sessionId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
) {
  return db
    .update(sessions)
    .set({ lastSeenAt: cutoff.now })
    .where(fullSessionIsAliveCondition(db, sessionId, cutoff))
    .returning();
}

/** The statement that sets `last_seen_at` of a hosted challenge's session. It changes one row, or none when the session is over. */
export function touchChallengeSessionStatement(
  db: DrizzleD1Database,
  sessionId: string,
  challengeId: string,
  now: Date,
) {
  const living = and(
    eq(sessions.id, sessionId),
    eq(sessions.challengeId, challengeId),
    gt(sessions.expiresAt, now),
    exists(openAccount(db)),
  );
  return db.update(sessions).set({ lastSeenAt: now }).where(living).returning();
}

/** Sets `last_seen_at` of a full session and reads it with its account. Null when it is over. One batch. */
export async function touchAndFindSession(
  db: Database,
  sessionId: string,
  userId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
): Promise<SessionWithUser | null> {
  const { primary } = db;
  const [[session], [user]] = await runD1Query(() =>
    primary.batch([
      touchFullSessionStatement(primary, sessionId, cutoff),
      primary.select().from(users).where(eq(users.id, userId)).limit(1),
    ]),
  );
  return session === undefined || user?.id !== session.userId ? null : { session, user };
}

/** True when a full session is alive on the primary. It changes nothing. One trip. */
export async function isFullSessionAliveOnPrimary(
  { primary }: Database,
  sessionId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
): Promise<boolean> {
  const rows = await runD1Query(() =>
    primary
      .select({ id: sessions.id })
      .from(sessions)
      .where(fullSessionIsAliveCondition(primary, sessionId, cutoff)),
  );
  return rows.length === 1;
}

/**
 * Sets `last_seen_at` of a full session to `lastSeenAt`, which may be in the past, unless it already has a later time. Returns false, and
 * writes nothing, when the session has ended. One trip.
 */
export async function touchFullSessionOnPrimary(
  { primary }: Database,
  sessionId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
  lastSeenAt: Date,
): Promise<boolean> {
  const rows = await runD1Query(() =>
    primary
      .update(sessions)
      .set({ lastSeenAt: sql`max(${sessions.lastSeenAt}, ${sql.param(lastSeenAt, sessions.lastSeenAt)})` })
      .where(fullSessionIsAliveCondition(primary, sessionId, cutoff))
      .returning({ id: sessions.id }),
  );
  return rows.length === 1;
}

/** A list of sessions has at most this many. Older sessions are left out of it, but stay valid. */
const maxListedSessions = 100;

/** Lists the valid full sessions of the caller's account, the last seen first. Null: the caller's own is over. One batch. */
export async function listLiveSessionsOfCaller(
  db: Database,
  sessionId: string,
  userId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
): Promise<Session[] | null> {
  const { primary } = db;
  const [own, all] = await runD1Query(() =>
    primary.batch([
      touchFullSessionStatement(primary, sessionId, cutoff),
      selectLiving(primary, userId, cutoff),
    ]),
  );
  return own.length === 0 ? null : all;
}

/** Lists the valid full sessions of an account, the last seen first. One trip to the primary. */
export function listLiveSessionsOfUser(
  { primary }: Database,
  userId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
): Promise<Session[]> {
  return runD1Query(() => selectLiving(primary, userId, cutoff));
}

function selectLiving(
  db: DrizzleD1Database,
  userId: string,
  { now, idleSince }: SessionExpiryAndIdleCutoffs,
) {
  const living = and(
    eq(sessions.userId, userId),
    eq(sessions.kind, "full"),
    gt(sessions.expiresAt, now),
    gt(sessions.lastSeenAt, idleSince),
  );
  return db.select().from(sessions).where(living).orderBy(desc(sessions.lastSeenAt)).limit(maxListedSessions);
}

/**
 * Ends a session, pending or full, if it exists. A session with a second factor is deleted. One without it is only marked as
 * over and still counts as an opening, so that a caller that opens and ends sessions in turn stays within the limits (INC-30).
 * One batch.
 */
export async function deleteOrSignOutSession(
  { primary }: Database,
  session: Pick<Session, "id" | "kind">,
  event: AuditEvent,
  recent: RecentFirstFactorOnlySessionLimits,
): Promise<void> {
  const hasSecondFactor = and(eq(sessions.id, session.id), isNotNull(sessions.secondFactorAt));
  await runD1Query(() =>
    primary.batch([
      primary.delete(sessions).where(hasSecondFactor),
      insertEventWhereStatement(primary, event, previousStatementChangedOneRowCondition),
      ...signOutFirstFactorOnlySessionStatements(primary, session, event, recent),
    ]),
  );
}

/** The session from which other sessions of its account are ended. */
interface EndingCaller {
  readonly sessionId: string;
  readonly userId: string;
}

/**
 * Ends another session of the same account, if the caller's own is alive.
 *
 * @returns the number of sessions that were ended, or null when the caller's own is over
 */
export const endSessionOfSameAccount = (
  db: Database,
  caller: EndingCaller,
  targetId: string,
  cutoff: SessionExpiryAndIdleCutoffs,
  event: AuditEvent,
  recent: RecentFirstFactorOnlySessionLimits,
): Promise<number | null> => endSessionsWhere(db, caller, eq(sessions.id, targetId), cutoff, event, recent);

/** Ends every other session of the account, pending ones too. Returns as {@link endSessionOfSameAccount}. */
export const endOtherSessionsOfAccount = (
  db: Database,
  caller: EndingCaller,
  cutoff: SessionExpiryAndIdleCutoffs,
  event: AuditEvent,
  recent: RecentFirstFactorOnlySessionLimits,
): Promise<number | null> =>
  endSessionsWhere(db, caller, ne(sessions.id, caller.sessionId), cutoff, event, recent);

/**
 * Marks sessions of the caller's account as over, with one event. The rows stay until the hourly job deletes expired ones: they
 * count as openings, so a caller with the first factor alone that opens and ends sessions in turn stays within the limits. For
 * such a caller the event is written only within the same limits (INC-30). One batch.
 */
async function endSessionsWhere(
  { primary }: Database,
  caller: EndingCaller,
  which: SQL,
  cutoff: SessionExpiryAndIdleCutoffs,
  event: AuditEvent,
  recent: RecentFirstFactorOnlySessionLimits,
): Promise<number | null> {
  const living = and(which, eq(sessions.userId, caller.userId), gt(sessions.expiresAt, cutoff.now));
  const isCaller = eq(sessions.id, caller.sessionId);
  const withSecondFactor = primary
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(isCaller, isNotNull(sessions.secondFactorAt)));
  const network = sql`(${primary.select({ network: sessions.network }).from(sessions).where(isCaller)})`;
  const scope = { userId: sql`${caller.userId}`, kind: sql`'full'`, network };
  const mayRecord = sql`${or(exists(withSecondFactor), firstFactorOnlySessionsAreWithinLimitsCondition(primary, scope, recent, lte))}`;
  const [touched, ended] = await runD1Query(() =>
    primary.batch([
      touchFullSessionStatement(primary, caller.sessionId, cutoff),
      primary
        .update(sessions)
        .set({ expiresAt: cutoff.now })
        .where(and(living, previousStatementChangedOneRowCondition))
        .returning({ id: sessions.id }),
      insertEventWhereStatement(primary, event, joinConditionsWithAnd(sql`changes() > 0`, mayRecord)),
    ]),
  );
  return touched.length === 0 ? null : ended.length;
}
