import { and, eq, exists, isNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere, previousChangedRow } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type SessionRow, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, recordEventWhere } from "../service/audit.ts";
import {
  type Opening,
  type OpeningBounds,
  openedOf,
  openFirstFactorSession,
  selectOpened,
} from "../sessions/first-factor-session-rows.ts";
import type { PendingHolder } from "../sessions/pending-sessions.ts";
import type { Session } from "../sessions/session-rows.ts";
import { accountNamed, type Claim, claimStatements, type ExternalName } from "./external-names.ts";

/** An account that an external source has named, and a session of each kind, of which at most one will be opened. */
export interface ExternalSignInResult {
  /** Created if the realm has no account of that name. */
  readonly user: UserRow;
  readonly created: AuditEvent;
  /** The record of a claim at first sight. */
  readonly claimed: Claim["event"];
  /** For an account without a second factor. Null: it is not to be opened. */
  readonly full: { readonly row: Session; readonly beyond: Opening["beyond"] } | null;
  /** For an account with one. Null: it is not to be opened. */
  readonly pending: { readonly row: Session; readonly held: PendingHolder | null } | null;
  /** Draws the record of a session that is opened. */
  readonly opened: () => AuditEvent;
  readonly bounds: OpeningBounds;
  readonly now: Date;
}

/** The account, and its session. */
export interface UpsertExternalUserResult {
  readonly user: UserRow;
  /** Null: none was to be opened for such an account, or the account is disabled. */
  readonly session: SessionRow | null;
}

/**
 * Finds or creates the account of an external identity, keeps its e-mail address as the source says it, and opens
 * the session that its second factor calls for. One batch: two requests of a new account at once make one account.
 *
 * An account without a second factor that no exact name has claimed is claimed at first sight: there is nothing to show.
 */
export async function upsertExternalUser(
  db: Database,
  meeting: ExternalSignInResult,
): Promise<UpsertExternalUserResult | null> {
  const { primary } = db;
  const { user, now } = meeting;
  const account = accountNamed(primary, user);
  const openings = openingsOf(primary, meeting);
  const selects = openings.flatMap((opening) => [...selectOpened(primary, opening)]);
  const results = (await reachStore(() =>
    primary.batch([
      insertWhere(primary, users, user, isNull(account)),
      recordEventWhere(primary, meeting.created, previousChangedRow),
      ...claimAtFirstSight(primary, meeting),
      primary
        .update(users)
        .set({ email: user.email, updatedAt: now })
        .where(and(eq(users.id, account), hasOwnName(user), sql`${users.email} IS NOT ${user.email}`)),
      ...openings.flatMap((opening) => openFirstFactorSession(primary, opening)),
      primary.select().from(users).where(eq(users.id, account)),
      ...selects,
    ]),
  )) as unknown[][];
  // A batch answers in the order of its statements, and these are the last.
  const [found] = results.at(-1 - selects.length) as UserRow[];
  const opened = openedOf(results.slice(results.length - selects.length) as SessionRow[][]);
  return found === undefined ? null : { user: found, session: opened };
}

function claimAtFirstSight(db: DrizzleD1Database, { user, claimed, now }: ExternalSignInResult) {
  const { realm, username, canonicalName, email } = user;
  if (canonicalName === null) return [];
  const name = { realm, username, canonicalName };
  return claimStatements(db, { name, email, keep: null, event: claimed, now }, eq(users.totpEnabled, false));
}

/** The condition "the account bears the exact name". What the source says of one spelling is not said of the others. */
const hasOwnName = ({ canonicalName }: ExternalName) =>
  canonicalName === null ? undefined : eq(users.canonicalName, canonicalName);

/** The sessions, each for an account of the kind that it is for: a second factor on means pending. */
function openingsOf(db: DrizzleD1Database, meeting: ExternalSignInResult): Opening[] {
  const { user, full, pending, bounds, now } = meeting;
  const open = (session: Session, how: Pick<Opening, "beyond" | "held">): Opening => {
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
    const userId = sql`(${fitting})`;
    return { session, userId, condition: exists(fitting), event: meeting.opened(), bounds, now, ...how };
  };
  return [
    ...(full === null ? [] : [open(full.row, { beyond: full.beyond, held: null })]),
    ...(pending === null ? [] : [open(pending.row, { beyond: "opened", held: pending.held })]),
  ];
}
