import { and, eq, exists, inArray, isNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { type AuditEvent, recordEventWhere } from "./audit.ts";
import { insertWhere, previousChangedRow } from "./conditional.ts";
import { type Database, reachStore } from "./database.ts";
import { accountNamed, type Claim, claimStatements, type ExternalName } from "./external-names.ts";
import { type SessionRow, sessions, type UserRow, users } from "./schema.ts";
import type { Session } from "./sessions.ts";

/** An account that an external source has named, and a session of each kind, of which at most one will be opened. */
export interface Meeting {
  /** Created if the realm has no account of that name. */
  readonly user: UserRow;
  readonly created: AuditEvent;
  /** The record of a claim at first sight. */
  readonly claimed: Claim["event"];
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
 * the session that its second factor calls for. One batch: two requests of the same visitor make one account.
 *
 * An account without a second factor that no exact name has claimed is claimed at first sight: there is nothing to show.
 */
export async function meetExternalUser(db: Database, meeting: Meeting): Promise<Met | null> {
  const { primary } = db;
  const { user, now } = meeting;
  const account = accountNamed(primary, user);
  const drawn = [meeting.full, meeting.pending].filter((session) => session !== null);
  const ids = drawn.map(({ id }) => id);
  const anySession = inArray(sessions.id, ids.length === 0 ? [""] : ids);
  const results = (await reachStore(() =>
    primary.batch([
      insertWhere(primary, users, user, isNull(account)),
      recordEventWhere(primary, meeting.created, previousChangedRow),
      ...claimAtFirstSight(primary, meeting),
      primary
        .update(users)
        .set({ email: user.email, updatedAt: now })
        .where(and(eq(users.id, account), hasOwnName(user), sql`${users.email} IS NOT ${user.email}`)),
      ...drawn.map((session) => openFor(primary, session, user)),
      recordEventWhere(
        primary,
        meeting.opened,
        exists(primary.select({ id: sessions.id }).from(sessions).where(anySession)),
      ),
      primary.select().from(users).where(eq(users.id, account)),
      primary.select().from(sessions).where(anySession),
    ]),
  )) as unknown[][];
  const [found] = results.at(-2) as UserRow[];
  const [session] = results.at(-1) as SessionRow[];
  return found === undefined ? null : { user: found, session: session ?? null };
}

function claimAtFirstSight(db: DrizzleD1Database, { user, claimed, now }: Meeting) {
  const { realm, username, canonicalName, email } = user;
  if (canonicalName === null) return [];
  const name = { realm, username, canonicalName };
  return claimStatements(db, { name, email, keep: null, event: claimed, now }, eq(users.totpEnabled, false));
}

/** The condition "the account bears the exact name". What the source says of one spelling is not said of the others. */
const hasOwnName = ({ canonicalName }: ExternalName) =>
  canonicalName === null ? undefined : eq(users.canonicalName, canonicalName);

/** Opens the session if the account is of the kind that it is for: a second factor on means pending. */
function openFor(db: DrizzleD1Database, session: Session, user: ExternalName) {
  const fitting = db
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        eq(users.id, accountNamed(db, user)),
        isNull(users.disabledAt),
        eq(users.totpEnabled, session.kind === "pending"),
      ),
    );
  return insertWhere(db, sessions, { ...session, userId: sql`(${fitting})` }, exists(fitting));
}
