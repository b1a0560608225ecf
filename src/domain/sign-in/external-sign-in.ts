import type { FactorRequirement } from "../../core/policy/policy.ts";
import { createSessionBinding } from "../../core/tokens/session-binding.ts";
import { generateApprovalPeriodId } from "../../store/second-factor/approvals.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import { isPendingSessionRowNotSignedOut } from "../../store/sessions/pending-sessions.ts";
import { upsertExternalUserAndOpenSession } from "../../store/users/external-users.ts";
import { newUserRow, type User } from "../../store/users/user-rows.ts";
import {
  type AccessResult,
  anonymousAccess,
  authorizeSession,
  authorizeVerifiedFactors,
  isTokenFresh,
} from "../access/access.ts";
import type { Deps } from "../deps.ts";
import {
  type FullSession,
  type IssuedSession,
  issueSessionToken,
  type PendingSession,
  type PreparedSession,
  prepareSession,
} from "../sessions/sessions.ts";
import { externalNameColumns, isUnclaimedAccount } from "./external-name.ts";
import {
  firstFactorOnlySessionLimitsAt,
  issuePendingSessionToken,
  type PendingSessionToken,
} from "./first-factor-sessions.ts";
import {
  AmbiguousCredentialsError,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailableError,
} from "./first-factor-source.ts";
import { pendingSessionTtlSeconds } from "./openings.ts";

/**
 * Which sessions {@link openExternalSession} may open. `full_within_bounds`: only a full session, for an account without a second
 * factor, and none beyond the bounds of INC-30. The gate lets such a request pass without a session too, and a client
 * that keeps no cookies would otherwise create a session with each request.
 */
export type OpenableSessions = "none" | "full_within_bounds" | "any";

/** The account that the source has named, and what was opened for it. */
export interface OpenExternalSessionResult {
  readonly user: User;
  /** A full session, for an account without a second factor. */
  readonly issued: IssuedSession | null;
  /** A pending session, for an account with one. `held`: the client has it already. */
  readonly pending: { readonly kind: "held" } | ({ readonly kind: "issued" } & PendingSessionToken) | null;
}

/** The identity that an external first factor gives, and which sessions may be opened for it. */
export interface OpenExternalSessionInput {
  readonly source: FirstFactorSource;
  readonly identity: ExternalIdentity;
  readonly opens: OpenableSessions;
  /** The pending session that the client has already. It is used again while it is usable. */
  readonly held: PendingSession | null;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Finds or creates the account that the source names, and opens a session for it as `opens` allows, within the bounds of
 * `domain/sign-in/openings.ts`. One batch.
 */
export async function openExternalSession(
  deps: Deps,
  input: OpenExternalSessionInput,
): Promise<OpenExternalSessionResult> {
  const { source, identity, opens, held, client, now } = input;
  const full = opens === "none" ? null : await prepareExternalSession(deps, source, "full", client, now);
  const pending = opens === "any" ? await prepareExternalSession(deps, source, "pending", client, now) : null;
  const id = crypto.randomUUID();
  const event = { at: now, client, realm: source.realm, detail: { method: source.realm } };
  const upserted = await upsertExternalUserAndOpenSession(deps.db, {
    user: newUserRow({
      id,
      realm: source.realm,
      ...externalNameColumns(deps, identity.username),
      email: identity.email,
      passwordHash: null,
      approvalPeriodId: generateApprovalPeriodId(),
      createdAt: now,
    }),
    claimed: { ...event, id: generateRandomEventId(), type: "user.updated", detail: { fields: "username" } },
    created: { ...event, id: generateRandomEventId(), type: "user.created", userId: id },
    createOpenedEvent: () => ({ ...event, id: generateRandomEventId(), type: "first_factor.accepted" }),
    full: full === null ? null : { row: full.row, beyondLimits: opens === "any" ? "opened" : "not_opened" },
    pending: pending === null ? null : { row: pending.row, current: held },
    bounds: firstFactorOnlySessionLimitsAt(now),
    now,
  });
  if (upserted === null) throw new Error("The account that the batch has created is missing");
  const { user, session } = upserted;
  const { username } = identity;
  const issued =
    full !== null && session?.id === full.row.id
      ? await issueSessionToken(deps, { row: session, secret: full.secret, user, username }, now)
      : null;
  if (pending === null || session?.kind !== "pending") return { user, issued, pending: null };
  // After a sign-out the client no longer holds its session. It may share that session, with a new token, as another client may.
  if (session.id === held?.id && isPendingSessionRowNotSignedOut(session, held))
    return { user, issued, pending: { kind: "held" } };
  // The name that the source gave: an account that no exact name has claimed is stored under its canonical name.
  const token = await issuePendingSessionToken(deps, { row: session, prepared: pending, username }, now);
  return { user, issued, pending: { kind: "issued", ...token } };
}

/** Computes the value that binds a session to the credentials of this request. Null: passwords are the first factor. */
export async function createCredentialsBinding(
  deps: Deps,
  source: FirstFactorSource | null,
): Promise<string | null> {
  if (source === null) return null;
  const handedOver = (await source.handedOverBinding?.()) ?? null;
  if (handedOver !== null) return handedOver;
  const evidence = await source.evidence();
  if (evidence === null)
    throw new FirstFactorUnavailableError("The source names an account for a request without credentials");
  return createSessionBinding(deps.config.keyring, evidence);
}

async function prepareExternalSession(
  deps: Deps,
  source: FirstFactorSource,
  kind: "full" | "pending",
  client: ClientAndActor,
  now: Date,
): Promise<PreparedSession> {
  const ttlSeconds = kind === "full" ? deps.config.sessionMaxAgeSeconds : pendingSessionTtlSeconds;
  return prepareSession(
    {
      kind,
      // The batch sets it, once it has found the account.
      userId: "",
      // A pending session is bound when a code is accepted, to the credentials of that request.
      binding: kind === "full" ? await createCredentialsBinding(deps, source) : null,
      amr: [source.realm],
      firstFactorAt: now,
      secondFactorAt: null,
      expiresAt: new Date(now.getTime() + ttlSeconds * 1000),
      client,
    },
    now,
  );
}

/** A request to a path of the site, with an external first factor. */
export interface ProvisionAndAuthorizeInput {
  readonly requirement: FactorRequirement;
  /** The full session that is bound to the credentials of this request. Null: none is. */
  readonly session: FullSession | null;
  readonly source: FirstFactorSource;
  /** True for a browser that keeps the session cookie of the response. */
  readonly keepsCookies: boolean;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Authorizes a request whose first factor is external, and creates the account when the source names a new one. No call
 * while the session is fresh and bound to the request's credentials. Otherwise one request to the source and one D1 trip.
 */
export async function provisionAndAuthorize(
  deps: Deps,
  input: ProvisionAndAuthorizeInput,
): Promise<AccessResult> {
  const { requirement, session, source, client, now } = input;
  if (session !== null && !source.alwaysIdentify && isTokenFresh(deps, session, now))
    return authorizeSession(deps, requirement, session, now);
  if (requirement.level === "none") return authorizeOpenPath(deps, input);
  const identity = await source.identify();
  if (identity === null) {
    const passes = source.allowsAnonymous && !source.hasHeaderOrQueryCredential;
    return passes ? anonymousAccess : { allowed: false, reason: "not_signed_in" };
  }
  if (session !== null && session.username === identity.username) {
    const access = await authorizeSession(deps, requirement, session, now);
    if (access.allowed || access.reason !== "not_signed_in") return access;
    // The session has ended, and the visitor is still signed in at the source: sign in again.
  }
  const opens = input.keepsCookies ? "full_within_bounds" : "none";
  const { user, issued } = await openExternalSession(deps, {
    source,
    identity,
    opens,
    held: null,
    client,
    now,
  });
  if (user.disabledAt !== null) return { allowed: false, reason: "account_disabled" };
  // An unclaimed account needs its second factor, whatever the policy requires: all spellings of its name would otherwise get
  // assertions with the same `sub`.
  if (isUnclaimedAccount(deps, user)) return { allowed: false, reason: "second_factor_required" };
  return authorizeVerifiedFactors(
    deps,
    requirement,
    issued?.session ?? visitorOf(user, identity, source, now),
    issued,
    now,
  );
}

/**
 * Authorizes a request to a path that requires no session. The session adds the visitor's identity only when the source
 * names the same account now. Rechecking it in D1 alone would make it fresh for all other paths, without the source. When
 * the source is unavailable, the visitor is anonymous.
 */
async function authorizeOpenPath(
  deps: Deps,
  { requirement, session, source, now }: ProvisionAndAuthorizeInput,
): Promise<AccessResult> {
  const identity = session === null ? null : await source.identify().catch(anonymousIfUnknown);
  return session !== null && session.username === identity?.username
    ? authorizeSession(deps, requirement, session, now)
    : anonymousAccess;
}

function anonymousIfUnknown(error: unknown): null {
  if (error instanceof FirstFactorUnavailableError || error instanceof AmbiguousCredentialsError) return null;
  throw error;
}

/** The visitor of a request without a session: it has shown the first factor and nothing else. */
function visitorOf(user: User, { username, email }: ExternalIdentity, source: FirstFactorSource, now: Date) {
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
