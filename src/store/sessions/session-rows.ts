import { and, desc, eq, exists, gt, isNotNull, isNull, lte, ne, or, type SQL, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, previousChangedRow } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type SessionRow, sessions, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, recordEventWhere } from "../service/audit.ts";
import { expireFirstFactorSession } from "./first-factor-session-rows.ts";
import { isWithinBounds, type RecentOpenings } from "./recent-openings.ts";

export type Session = SessionRow;

/** A session and its account, as they were when they were read. */
export interface SessionView {
  readonly session: Session;
  readonly user: UserRow;
}

/** When a full session counts as alive. */
export interface SessionCutoff {
  readonly now: Date;
  /** Seen after this, or it is idle. */
  readonly idleSince: Date;
}

/**
 * Reads a session with its account in one query. A copy of the database may not have a new session yet, so
 * what is missing there is looked for on the primary once.
 */
export async function findSession(db: Database, sessionId: string): Promise<SessionView | null> {
  return (await readSession(db.nearest, sessionId)) ?? (await readSession(db.primary, sessionId));
}

/** Reads a session with its account as the primary holds them. */
export const findSessionOnPrimary = (db: Database, sessionId: string): Promise<SessionView | null> =>
  readSession(db.primary, sessionId);

async function readSession(db: DrizzleD1Database, sessionId: string): Promise<SessionView | null> {
  const [row] = await reachStore(() =>
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
export function fullSessionIsAlive(
  db: DrizzleD1Database,
  sessionId: string,
  { now, idleSince }: SessionCutoff,
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

/** Marks a living full session as seen. It changes one row, or none when the session is dead. */
export function touchSession(db: DrizzleD1Database, sessionId: string, cutoff: SessionCutoff) {
  return db
    .update(sessions)
    .set({ lastSeenAt: cutoff.now })
    .where(fullSessionIsAlive(db, sessionId, cutoff))
    .returning();
}

/** Marks the living session of a hosted challenge as seen. It changes one row, or none when the session is dead. */
export function touchChallengeSession(
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

/** Asks the primary whether a full session lives, and marks it as seen, in one trip. */
export async function renewSession(
  db: Database,
  sessionId: string,
  userId: string,
  cutoff: SessionCutoff,
): Promise<SessionView | null> {
  const { primary } = db;
  const [[session], [user]] = await reachStore(() =>
    primary.batch([
      touchSession(primary, sessionId, cutoff),
      primary.select().from(users).where(eq(users.id, userId)).limit(1),
    ]),
  );
  return session === undefined || user?.id !== session.userId ? null : { session, user };
}

/** Looks whether a full session is alive on the primary, and leaves it as it is. */
export async function hasLivingSession(
  { primary }: Database,
  sessionId: string,
  cutoff: SessionCutoff,
): Promise<boolean> {
  const rows = await reachStore(() =>
    primary
      .select({ id: sessions.id })
      .from(sessions)
      .where(fullSessionIsAlive(primary, sessionId, cutoff)),
  );
  return rows.length === 1;
}

/** What a person's list of sessions can hold; the oldest fall off the page, not out of the store. */
const listLimit = 100;

/** Lists the living full sessions of the caller's account, the last seen first. Null: the caller's own is dead. */
export async function listSessions(
  db: Database,
  sessionId: string,
  userId: string,
  cutoff: SessionCutoff,
): Promise<Session[] | null> {
  const { primary } = db;
  const [own, all] = await reachStore(() =>
    primary.batch([touchSession(primary, sessionId, cutoff), selectLiving(primary, userId, cutoff)]),
  );
  return own.length === 0 ? null : all;
}

/** Lists the living full sessions of an account, the last seen first. One trip. */
export function listSessionsOf(
  { primary }: Database,
  userId: string,
  cutoff: SessionCutoff,
): Promise<Session[]> {
  return reachStore(() => selectLiving(primary, userId, cutoff));
}

function selectLiving(db: DrizzleD1Database, userId: string, { now, idleSince }: SessionCutoff) {
  const living = and(
    eq(sessions.userId, userId),
    eq(sessions.kind, "full"),
    gt(sessions.expiresAt, now),
    gt(sessions.lastSeenAt, idleSince),
  );
  return db.select().from(sessions).where(living).orderBy(desc(sessions.lastSeenAt)).limit(listLimit);
}

/**
 * Ends a session of either kind. Ending one that is gone changes nothing. One that has shown the first factor only is
 * marked as over, so that opening and ending sessions in turn is bounded like opening them (INC-30).
 */
export async function endSession(
  { primary }: Database,
  session: Pick<Session, "id" | "kind">,
  event: AuditEvent,
  recent: RecentOpenings,
): Promise<void> {
  const isStrong = and(eq(sessions.id, session.id), isNotNull(sessions.secondFactorAt));
  await reachStore(() =>
    primary.batch([
      primary.delete(sessions).where(isStrong),
      recordEventWhere(primary, event, previousChangedRow),
      ...expireFirstFactorSession(primary, session, event, recent),
    ]),
  );
}

/** The session that ends others of its account. */
interface EndingCaller {
  readonly sessionId: string;
  readonly userId: string;
}

/**
 * Ends another session of the same account, if the caller's own is alive.
 *
 * @returns how many were ended, or null when the caller's own is dead
 */
export const endSessionOfUser = (
  db: Database,
  caller: EndingCaller,
  targetId: string,
  cutoff: SessionCutoff,
  event: AuditEvent,
  recent: RecentOpenings,
): Promise<number | null> => endOfAccount(db, caller, eq(sessions.id, targetId), cutoff, event, recent);

/** Ends every other session of the account, pending ones too. Returns as {@link endSessionOfUser}. */
export const endOtherSessions = (
  db: Database,
  caller: EndingCaller,
  cutoff: SessionCutoff,
  event: AuditEvent,
  recent: RecentOpenings,
): Promise<number | null> =>
  endOfAccount(db, caller, ne(sessions.id, caller.sessionId), cutoff, event, recent);

/**
 * Marks sessions of the caller's account as over, with one event. The rows stay until the cron job removes expired ones:
 * they count as openings, and a caller with the first factor alone can't open and end sessions in turn without a bound.
 * For such a caller, the event is written only within the same bounds (INC-30).
 */
async function endOfAccount(
  { primary }: Database,
  caller: EndingCaller,
  which: SQL,
  cutoff: SessionCutoff,
  event: AuditEvent,
  recent: RecentOpenings,
): Promise<number | null> {
  const living = and(which, eq(sessions.userId, caller.userId), gt(sessions.expiresAt, cutoff.now));
  const isCaller = eq(sessions.id, caller.sessionId);
  const strong = primary
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(isCaller, isNotNull(sessions.secondFactorAt)));
  const network = sql`(${primary.select({ network: sessions.network }).from(sessions).where(isCaller)})`;
  const opener = { userId: sql`${caller.userId}`, kind: sql`'full'`, network };
  const mayRecord = sql`${or(exists(strong), isWithinBounds(primary, opener, recent, lte))}`;
  const [touched, ended] = await reachStore(() =>
    primary.batch([
      touchSession(primary, caller.sessionId, cutoff),
      primary
        .update(sessions)
        .set({ expiresAt: cutoff.now })
        .where(and(living, previousChangedRow))
        .returning({ id: sessions.id }),
      recordEventWhere(primary, event, every(sql`changes() > 0`, mayRecord)),
    ]),
  );
  return touched.length === 0 ? null : ended.length;
}
