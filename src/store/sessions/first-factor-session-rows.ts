import { and, desc, eq, gt, inArray, isNull, lt, lte, notExists, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, insertWhere, previousChangedRow } from "../platform/conditional-insert.ts";
import { type SessionRow, sessions } from "../platform/schema.ts";
import { type AuditEvent, recordEventWhere } from "../service/audit.ts";
import { closedToOpener, isOpenToHolder, type PendingHolder } from "./pending-sessions.ts";
import {
  hasOpenedMost,
  isOfAccount,
  isOfNetwork,
  isWithinBounds,
  type Opener,
  type RecentOpenings,
} from "./recent-openings.ts";
import type { Session } from "./session-rows.ts";

/** How much the first factor alone may leave in the store. */
export interface OpeningBounds extends RecentOpenings {
  /** A pending session that ends later may be used by one more client. */
  readonly usableUntil: Date;
  readonly attemptsPerPendingSession: number;
  /** Full sessions of one account that are kept, and pending ones that are over. At least `mostOfAccount`. */
  readonly mostKept: number;
}

/** A session that the first factor alone opens: pending, or full for an account without a second factor. */
export interface Opening {
  readonly session: Session;
  /** Whose it is: an id, or looked up in the batch. */
  readonly userId: string | SQL;
  /** Holds while the account is as it has to be. */
  readonly condition: SQL;
  /** Written with the session, but not beyond the bounds. Names user and session by itself. */
  readonly event: AuditEvent;
  /** What happens beyond the bounds: nothing, or it is opened without an event. A pending one is used again first. */
  readonly beyond: "not_opened" | "opened";
  /** A pending session that the client has already. */
  readonly held: PendingHolder | null;
  readonly bounds: OpeningBounds;
  readonly now: Date;
}

/** One opening removes at most so many rows, so that it never holds the database for long. */
const mostRemoved = 100;

/**
 * The statements that open a session, so that what a caller with the first factor alone can leave behind is bounded for
 * its account, and for its account and network, however often it calls (INC-30).
 *
 * No living pending session is ever removed for another one: else a client with a stolen first factor could keep the
 * owner from typing a code. Beyond the bounds the client shares a usable one instead. Full sessions without a second
 * factor make room for newer ones: a client that shows the first factor of such an account gets one at once.
 */
export function openFirstFactorSession(
  db: DrizzleD1Database,
  opening: Opening,
): [BatchItem<"sqlite">, BatchItem<"sqlite">, BatchItem<"sqlite">] {
  const { session, userId, condition, event, beyond, held, bounds } = opening;
  const [usable, elsewhere] = [selectUsable(db, opening), selectUsableElsewhere(db, opening)];
  const isFreeToOpen = session.kind === "pending" ? every(notExists(usable), notExists(elsewhere)) : sql`1`;
  const may = every(
    condition,
    sql`${or(isWithinBounds(db, openerOf(opening), bounds, lt), ...(beyond === "opened" ? [isFreeToOpen] : []))}`,
    ...(held === null ? [] : [notExists(selectHeld(db, opening, held))]),
  );
  return [
    insertWhere(db, sessions, { ...session, userId: idOf(userId) }, may),
    recordEventWhere(
      db,
      { ...event, sessionId: session.id },
      every(previousChangedRow, isWithinBounds(db, openerOf(opening), bounds, lte)),
      { userId: idOf(userId) },
    ),
    removeSurplus(db, opening),
  ];
}

/**
 * Removes the oldest rows of the account beyond `mostKept`: full sessions, or pending ones that are over. The rows that
 * stay are enough for the bound of the account to count, because `mostKept` is not below it.
 */
function removeSurplus(db: DrizzleD1Database, opening: Opening): BatchItem<"sqlite"> {
  const { bounds, now } = opening;
  const isOver = or(
    lte(sessions.expiresAt, now),
    sql`${sessions.attempts} >= ${bounds.attemptsPerPendingSession}`,
  );
  const surplus = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(isOfAccount(openerOf(opening)), opening.session.kind === "full" ? undefined : isOver))
    .orderBy(desc(inOrder))
    .limit(mostRemoved)
    .offset(bounds.mostKept);
  return db.delete(sessions).where(inArray(sessions.id, surplus));
}

/**
 * Selects what an opening has come to, in the same batch: the session that was opened, the pending one that the client
 * has, or the one that it shares. No row: none of them.
 */
export function selectOpened(db: DrizzleD1Database, opening: Opening) {
  const { session, held } = opening;
  // An index finds each of them by itself.
  return [
    db.select().from(sessions).where(eq(sessions.id, session.id)),
    ...(session.kind === "pending" && held !== null ? [selectHeld(db, opening, held)] : []),
    ...(session.kind === "pending" ? [selectUsable(db, opening), selectUsableElsewhere(db, opening)] : []),
  ] as const;
}

/** The rows of {@link selectOpened}, in their order. */
export const openedOf = (results: readonly SessionRow[][]): SessionRow | null => results.flat().at(0) ?? null;

/**
 * Marks a session as over that has shown the first factor only. Its row still counts as one that was opened. A pending one
 * is over for the client that opened it: other clients may share it.
 */
export function expireFirstFactorSession(
  db: DrizzleD1Database,
  { id: sessionId, kind }: Pick<Session, "id" | "kind">,
  event: AuditEvent,
  recent: RecentOpenings,
): BatchItem<"sqlite">[] {
  const isMeant = and(
    eq(sessions.id, sessionId),
    eq(sessions.kind, kind),
    isNull(sessions.secondFactorAt),
    gt(sessions.expiresAt, event.at),
    kind === "pending" ? isOpenToHolder({ shared: false }) : undefined,
  );
  const own = (column: typeof sessions.userId | typeof sessions.network | typeof sessions.kind) =>
    sql`(${db.select({ value: column }).from(sessions).where(eq(sessions.id, sessionId))})`;
  const opener = { userId: own(sessions.userId), kind: own(sessions.kind), network: own(sessions.network) };
  return [
    db
      .update(sessions)
      .set(kind === "pending" ? closedToOpener(event.at) : { expiresAt: event.at })
      .where(isMeant),
    recordEventWhere(db, event, every(previousChangedRow, isWithinBounds(db, opener, recent, lte))),
  ];
}

const idOf = (userId: string | SQL): SQL => (typeof userId === "string" ? sql`${userId}` : userId);

/** SQLite's row ids: the order in which rows were written, which is also that of equal keys of an index. */
const inOrder = sql`${sessions}.rowid`;

const openerOf = ({ session, userId }: Opening): Opener => ({
  userId: idOf(userId),
  kind: sql`${session.kind}`,
  network: sql`${session.network ?? ""}`,
});

const isUsable = ({ bounds }: Opening) =>
  and(gt(sessions.expiresAt, bounds.usableUntil), lt(sessions.attempts, bounds.attemptsPerPendingSession));

/** The newest pending session from the same network that one more client may use. */
const selectUsable = (db: DrizzleD1Database, opening: Opening) =>
  db
    .select()
    .from(sessions)
    .where(and(isOfNetwork(openerOf(opening)), isUsable(opening), opening.condition))
    .orderBy(desc(inOrder))
    .limit(1);

/** One from any network, once the account has opened as many as it may. In the order of the index: any of them will do. */
const selectUsableElsewhere = (db: DrizzleD1Database, opening: Opening) => {
  const opener = openerOf(opening);
  return db
    .select()
    .from(sessions)
    .where(
      and(
        isOfAccount(opener),
        isUsable(opening),
        opening.condition,
        hasOpenedMost(db, opener, opening.bounds),
      ),
    )
    .orderBy(desc(sessions.network), desc(inOrder))
    .limit(1);
};

/** The client's own may have been opened in another network. */
const selectHeld = (db: DrizzleD1Database, opening: Opening, held: PendingHolder) =>
  db
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.id, held.id),
        isOpenToHolder(held),
        eq(sessions.userId, idOf(opening.userId)),
        eq(sessions.kind, "pending"),
        isNull(sessions.challengeId),
        isUsable(opening),
      ),
    );
