import type { Requirement } from "../../core/policy/policy.ts";
import { createBinding } from "../../core/tokens/session-binding.ts";
import { generateApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import { isRowOpenToHolder } from "../../store/sessions/pending-sessions.ts";
import { upsertExternalUser } from "../../store/users/external-users.ts";
import { newUserRow, type User } from "../../store/users/user-rows.ts";
import {
  type AccessResult,
  anonymousAccess,
  authorizeSession,
  authorizeVisitor,
  isTokenFresh,
} from "../access/access.ts";
import type { Deps } from "../deps.ts";
import {
  type FullSession,
  type IssuedSession,
  issueSession,
  type PendingSession,
  type PreparedSession,
  prepareSession,
} from "../sessions/sessions.ts";
import { isUnclaimed, storedName } from "./external-name.ts";
import { type IssuedPendingSession, issuePendingSession, openingBounds } from "./first-factor-sessions.ts";
import {
  AmbiguousCredentials,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "./first-factor-source.ts";
import { pendingTtlSeconds } from "./openings.ts";

/**
 * Which sessions a meeting may open. `few_without_second_factor`: a request at the gate passes without one as well, so
 * there is none beyond the bound. A program that keeps no cookies would leave one behind at every request.
 */
export type OpensSessions = "none" | "few_without_second_factor" | "any";

/** An account that the source has named, as the store knows it. */
export interface Meeting {
  readonly user: User;
  /** Opened for an account without a second factor. */
  readonly issued: IssuedSession | null;
  /** For an account with one: a pending session waits for the code. `held`: the one that the client has already. */
  readonly pending: { readonly kind: "held" } | ({ readonly kind: "issued" } & IssuedPendingSession) | null;
}

/** Whom a source names, and what the request brings. */
export interface Arriving {
  readonly source: FirstFactorSource;
  readonly identity: ExternalIdentity;
  readonly opens: OpensSessions;
  /** The pending session that the client has already: it is used again while it is usable. */
  readonly held: PendingSession | null;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Finds or creates the account of whom the source names, and opens a session for it if that is wanted, within the bounds
 * of `domain/sign-in/openings.ts`. One batch.
 */
export async function meet(deps: Deps, arriving: Arriving): Promise<Meeting> {
  const { source, identity, opens, held, client, now } = arriving;
  const full = opens === "none" ? null : await draw(deps, source, "full", client, now);
  const pending = opens === "any" ? await draw(deps, source, "pending", client, now) : null;
  const id = crypto.randomUUID();
  const event = { at: now, client, realm: source.realm, detail: { method: source.realm } };
  const met = await upsertExternalUser(deps.db, {
    user: newUserRow({
      id,
      realm: source.realm,
      ...storedName(deps, identity.username),
      email: identity.email,
      passwordHash: null,
      approvalPeriodId: generateApprovalPeriodId(),
      createdAt: now,
    }),
    claimed: { ...event, id: generateEventId(), type: "user.updated", detail: { fields: "username" } },
    created: { ...event, id: generateEventId(), type: "user.created", userId: id },
    createOpenedEvent: () => ({ ...event, id: generateEventId(), type: "first_factor.accepted" }),
    full: full === null ? null : { row: full.row, beyondLimits: opens === "any" ? "opened" : "not_opened" },
    pending: pending === null ? null : { row: pending.row, current: held },
    bounds: openingBounds(now),
    now,
  });
  if (met === null) throw new Error("An account that was just made is not there");
  const { user, session } = met;
  const { username } = identity;
  const issued =
    full !== null && session?.id === full.row.id
      ? await issueSession(deps, { row: session, secret: full.secret, user, username }, now)
      : null;
  if (pending === null || session?.kind !== "pending") return { user, issued, pending: null };
  // One that is closed to the client that opened it is given to that client like to any other.
  if (session.id === held?.id && isRowOpenToHolder(session, held))
    return { user, issued, pending: { kind: "held" } };
  // The subject, and not the account's name: an account that no exact name has claimed has another one.
  const shown = await issuePendingSession(deps, { row: session, drawn: pending, username }, now);
  return { user, issued, pending: { kind: "issued", ...shown } };
}

/** What the request shows of its first factor, for a session to be bound to. Null: passwords are the first factor. */
export async function bindingNow(deps: Deps, source: FirstFactorSource | null): Promise<string | null> {
  if (source === null) return null;
  const evidence = await source.evidence();
  if (evidence === null) throw new FirstFactorUnavailable("The source names somebody who shows nothing");
  return createBinding(deps.config.keyring, evidence);
}

async function draw(
  deps: Deps,
  source: FirstFactorSource,
  kind: "full" | "pending",
  client: ClientContext,
  now: Date,
): Promise<PreparedSession> {
  const ttlSeconds = kind === "full" ? deps.config.sessionMaxAgeSeconds : pendingTtlSeconds;
  return prepareSession(
    {
      kind,
      // Known when the batch has found the account.
      userId: "",
      // A pending session is bound when its code comes, to what that request shows.
      binding: kind === "full" ? await bindingNow(deps, source) : null,
      amr: [source.realm],
      firstFactorAt: now,
      secondFactorAt: null,
      expiresAt: new Date(now.getTime() + ttlSeconds * 1000),
      client,
    },
    now,
  );
}

/** A request to a path behind an external first factor. */
export interface ExternalVisit {
  readonly requirement: Requirement;
  /** One that belongs to what the request shows of the source; any other counts as none. */
  readonly session: FullSession | null;
  readonly source: FirstFactorSource;
  /** A browser that will keep a cookie. */
  readonly keepsCookies: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Judges a request whose first factor is somebody else's. While the session is fresh and what it is bound to is
 * unchanged, nobody is asked. Else the source is asked once, and the store once.
 */
export async function provisionAndAuthorize(deps: Deps, visit: ExternalVisit): Promise<AccessResult> {
  const { requirement, session, source, client, now } = visit;
  if (session !== null && !source.alwaysIdentify && isTokenFresh(deps, session, now))
    return authorizeSession(deps, requirement, session, now);
  if (requirement.level === "none") return judgeOpenAccess(deps, visit);
  const identity = await source.identify();
  if (identity === null) {
    const passes = source.allowsAnonymous && !source.hasOtherCredential;
    return passes ? anonymousAccess : { allowed: false, reason: "not_signed_in" };
  }
  if (session !== null && session.username === identity.username) {
    const judgement = await authorizeSession(deps, requirement, session, now);
    if (judgement.allowed || judgement.reason !== "not_signed_in") return judgement;
    // The session was ended, and the person is still signed in at the source: begin anew.
  }
  const opens = visit.keepsCookies ? "few_without_second_factor" : "none";
  const { user, issued } = await meet(deps, { source, identity, opens, held: null, client, now });
  if (user.disabledAt !== null) return { allowed: false, reason: "account_disabled" };
  // Whatever the rule requires: an assertion would have the same `sub` for every spelling.
  if (isUnclaimed(deps, user)) return { allowed: false, reason: "second_factor_required" };
  return authorizeVisitor(
    deps,
    requirement,
    issued?.session ?? asSession(user, identity, source, now),
    issued,
    now,
  );
}

/**
 * Where nobody has to be signed in, a session names its visitor only when the source does, too. The store alone is
 * not enough: its word would make the session fresh for all other paths. A source that can't tell makes nobody of him.
 */
async function judgeOpenAccess(
  deps: Deps,
  { requirement, session, source, now }: ExternalVisit,
): Promise<AccessResult> {
  const identity = session === null ? null : await source.identify().catch(asNobody);
  return session !== null && session.username === identity?.username
    ? authorizeSession(deps, requirement, session, now)
    : anonymousAccess;
}

function asNobody(error: unknown): null {
  if (error instanceof FirstFactorUnavailable || error instanceof AmbiguousCredentials) return null;
  throw error;
}

/** What can be said of somebody who has no session: the first factor is there, and nothing else. */
function asSession(user: User, { username, email }: ExternalIdentity, source: FirstFactorSource, now: Date) {
  return {
    userId: user.id,
    username,
    email,
    enrolled: user.totpEnabled,
    amr: [source.realm],
    firstFactorAt: now,
    secondFactorAt: null,
  };
}
