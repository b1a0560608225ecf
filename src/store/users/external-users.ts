import { and, eq, exists, isNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  insertRowWhereStatement,
  previousStatementChangedOneRowCondition,
} from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type SessionRow, type UserRow, users } from "../platform/schema.ts";
import { type AuditEvent, insertEventWhereStatement } from "../service/audit.ts";
import {
  type FirstFactorOnlySessionLimits,
  type OpenFirstFactorOnlySessionInput,
  openedOrSharedFirstFactorOnlySessionQueries,
  openFirstFactorOnlySessionStatements,
  pickOpenedOrSharedFirstFactorOnlySession,
} from "../sessions/first-factor-session-rows.ts";
import type { OpenedOrSharedPendingSession } from "../sessions/pending-sessions.ts";
import type { Session } from "../sessions/session-rows.ts";
import {
  type ClaimAccountInput,
  claimAccountStatements,
  type ExternalExactOrCanonicalName,
  externalAccountIdSubquery,
} from "./external-names.ts";

/** The account of an external identity, and one new session of each kind. At most one of the sessions is opened. */
export interface UpsertExternalUserAndOpenSessionInput {
  /** The row that is inserted if the realm has no account of that name. */
  readonly user: UserRow;
  readonly created: AuditEvent;
  /** The event of a claim. */
  readonly claimed: ClaimAccountInput["event"];
  /** The full session to open if the account has no second factor. Null: none is opened. */
  readonly full: {
    readonly row: Session;
    readonly beyondLimits: OpenFirstFactorOnlySessionInput["beyondLimits"];
  } | null;
  /**
   * The pending session to open if the account has a second factor. Null: none is opened. `current` is the pending session
   * that the client already has: while it is usable, `row` is not opened.
   */
  readonly pending: { readonly row: Session; readonly current: OpenedOrSharedPendingSession | null } | null;
  /** Creates the event of an opened session. Called once for `full` and once for `pending`: the two events have different ids. */
  readonly createOpenedEvent: () => AuditEvent;
  /** Limits the sessions that the first factor alone can open. */
  readonly bounds: FirstFactorOnlySessionLimits;
  readonly now: Date;
}

/** The account, and its session. */
export interface UpsertExternalUserAndOpenSessionResult {
  readonly user: UserRow;
  /** Null when no session was to be opened for such an account, or the account is disabled. */
  readonly session: SessionRow | null;
}

/**
 * Finds or inserts the account of an external identity, updates its e-mail address, and opens a pending session for an account
 * with a second factor or a full one for an account without it. One batch, so that two parallel requests create one account.
 *
 * An unclaimed account without a second factor is claimed at once, because there is no second factor to show.
 */
export async function upsertExternalUserAndOpenSession(
  db: Database,
  input: UpsertExternalUserAndOpenSessionInput,
): Promise<UpsertExternalUserAndOpenSessionResult | null> {
  const { primary } = db;
  const { user, now } = input;
  const account = externalAccountIdSubquery(primary, user);
  const openings = openingsOf(primary, input);
  const selects = openings.flatMap((opening) => [
    ...openedOrSharedFirstFactorOnlySessionQueries(primary, opening),
  ]);
  const results = (await runD1Query(() =>
    primary.batch([
      insertRowWhereStatement(primary, users, user, isNull(account)),
      insertEventWhereStatement(primary, input.created, previousStatementChangedOneRowCondition),
      ...claimWithoutSecondFactor(primary, input),
      primary
        .update(users)
        .set({ email: user.email, updatedAt: now })
        .where(and(eq(users.id, account), accountHasOwnName(user), sql`${users.email} IS NOT ${user.email}`)),
      ...openings.flatMap((opening) => openFirstFactorOnlySessionStatements(primary, opening)),
      primary.select().from(users).where(eq(users.id, account)),
      ...selects,
    ]),
  )) as unknown[][];
  // The results of a batch are in the order of its statements, and these are the last.
  const [found] = results.at(-1 - selects.length) as UserRow[];
  const opened = pickOpenedOrSharedFirstFactorOnlySession(
    results.slice(results.length - selects.length) as SessionRow[][],
  );
  return found === undefined ? null : { user: found, session: opened };
}

function claimWithoutSecondFactor(
  db: DrizzleD1Database,
  { user, claimed, now }: UpsertExternalUserAndOpenSessionInput,
) {
  const { realm, username, canonicalName, email } = user;
  if (canonicalName === null) return [];
  const name = { realm, username, canonicalName };
  return claimAccountStatements(
    db,
    { name, email, keep: null, event: claimed, now },
    eq(users.totpEnabled, false),
  );
}

/** The condition "the account has this exact name": the e-mail address of one spelling must not be stored for another. */
const accountHasOwnName = ({ canonicalName }: ExternalExactOrCanonicalName) =>
  canonicalName === null ? undefined : eq(users.canonicalName, canonicalName);

/** Returns the openings. Their conditions hold for a pending session only with a second factor, and for a full one only without. */
function openingsOf(
  db: DrizzleD1Database,
  input: UpsertExternalUserAndOpenSessionInput,
): OpenFirstFactorOnlySessionInput[] {
  const { user, full, pending, bounds, now } = input;
  const open = (
    session: Session,
    how: Pick<OpenFirstFactorOnlySessionInput, "beyondLimits" | "current">,
  ): OpenFirstFactorOnlySessionInput => {
    const account = db
      .select({ id: users.id })
      .from(users)
      .where(
        and(
          eq(users.id, externalAccountIdSubquery(db, user)),
          isNull(users.disabledAt),
          eq(users.totpEnabled, session.kind === "pending"),
        ),
      );
    const userId = sql`(${account})`;
    return {
      session,
      userId,
      condition: exists(account),
      event: input.createOpenedEvent(),
      bounds,
      now,
      ...how,
    };
  };
  return [
    ...(full === null ? [] : [open(full.row, { beyondLimits: full.beyondLimits, current: null })]),
    ...(pending === null ? [] : [open(pending.row, { beyondLimits: "opened", current: pending.current })]),
  ];
}
