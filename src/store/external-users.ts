import { and, eq, exists, inArray, isNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type AuditEvent, recordEventWhere } from "./audit.ts";
import { insertWhere, previousChangedRow } from "./conditional.ts";
import { type Database, reachStore } from "./database.ts";
import { type SessionRow, sessions, type UserRow, users } from "./schema.ts";
import type { Session } from "./sessions.ts";
import type { NewUser } from "./users.ts";

/** Somebody whom an external source knows, and a session of each kind, of which at most one will be opened. */
export interface Meeting {
  /** Created if the realm has nobody of that name. */
  readonly user: NewUser;
  readonly created: AuditEvent;
  /** For an account without a second factor. Null: it is not to be opened. */
  readonly full: Session | null;
  /** For an account with one. Null: it is not to be opened. */
  readonly pending: Session | null;
  readonly opened: AuditEvent;
  readonly now: Date;
}

/** The account, and the session that was opened for it. */
export interface Met {
  readonly user: UserRow;
  /** Null: none was to be opened for such an account, or the account is disabled. */
  readonly session: SessionRow | null;
}

/**
 * Finds or creates the account of an external identity, keeps its e-mail address as the source says it, and opens
 * the session that its second factor calls for. One batch: who meets the same person twice at once makes one account.
 */
export async function meetExternalUser(db: Database, meeting: Meeting): Promise<Met | null> {
  const { primary } = db;
  const { user, now } = meeting;
  const account = and(eq(users.realm, user.realm), eq(users.username, user.username));
  const drawn = [meeting.full, meeting.pending].filter((session) => session !== null);
  const ids = drawn.map(({ id }) => id);
  const anySession = inArray(sessions.id, ids.length === 0 ? [""] : ids);
  const [, , , ...results] = (await reachStore(() =>
    primary.batch([
      primary
        .insert(users)
        .values({ ...user, updatedAt: user.createdAt })
        .onConflictDoNothing({ target: [users.realm, users.username] }),
      recordEventWhere(primary, meeting.created, previousChangedRow),
      primary
        .update(users)
        .set({ email: user.email, updatedAt: now })
        .where(and(account, sql`${users.email} IS NOT ${user.email}`)),
      ...drawn.map((session) => openFor(primary, session, user)),
      recordEventWhere(
        primary,
        meeting.opened,
        exists(primary.select({ id: sessions.id }).from(sessions).where(anySession)),
      ),
      primary.select().from(users).where(account),
      primary.select().from(sessions).where(anySession),
    ]),
  )) as unknown[][];
  const [found] = results.at(-2) as UserRow[];
  const [session] = results.at(-1) as SessionRow[];
  return found === undefined ? null : { user: found, session: session ?? null };
}

/** Opens the session if the account is of the kind that it is for: a second factor on means pending. */
function openFor(db: DrizzleD1Database, session: Session, user: NewUser) {
  const fitting = db
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        eq(users.realm, user.realm),
        eq(users.username, user.username),
        isNull(users.disabledAt),
        eq(users.totpEnabled, session.kind === "pending"),
      ),
    );
  return insertWhere(db, sessions, { ...session, userId: sql`(${fitting})` }, exists(fitting));
}
