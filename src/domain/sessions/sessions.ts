import { formatClientNetwork } from "../../core/parsing/client-network.ts";
import {
  computeSessionId,
  type FullSessionClaims,
  generateSessionSecret,
  signFullSessionToken,
} from "../../core/tokens/session-token.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import {
  deleteOrSignOutSession,
  endOtherSessionsOfAccount,
  endSessionOfSameAccount,
  isFullSessionAliveOnPrimary,
  listLiveSessionsOfCaller,
  type Session,
  type SessionExpiryAndIdleCutoffs,
  type SessionWithUser,
  touchAndFindSession,
  touchFullSessionOnPrimary,
} from "../../store/sessions/session-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { isAccountOfExternalSubject } from "../sign-in/external-name.ts";
import { isExternalRealm } from "../sign-in/external-realm.ts";
import { recentFirstFactorOnlySessionLimitsAt } from "../sign-in/openings.ts";

/** A session after the first factor, for an account with a second factor. It gives access to the second-factor step only. */
export interface PendingSession {
  readonly kind: "pending";
  readonly id: string;
  readonly username: string;
  readonly expiresAt: Date;
  /** True: another client has opened the session, and this one shares it. It may send a code, but not end the session. */
  readonly shared: boolean;
}

/**
 * The session of a signed-in visitor, as its token states it. Unlike a pending session it does not wait for a second factor.
 * Only D1 knows whether it was revoked after `checkedAt`.
 */
export interface FullSession extends FullSessionClaims {
  readonly kind: "full";
  readonly id: string;
}

/**
 * True when the session's account still belongs to the external subject that the token names (INC-27). Always true for a
 * local account and for the session of a hosted challenge: there a renamed account keeps its sessions.
 */
export const isSessionOfSubjectInToken = (
  deps: Deps,
  { session, user }: SessionWithUser,
  { username }: Pick<FullSession | PendingSession, "username">,
): boolean =>
  session.challengeId !== null ||
  !isExternalRealm(user.realm) ||
  isAccountOfExternalSubject(deps, user, username);

/** The name for the next token of a session: the subject of an external source, or the current name of a local account. */
const usernameForToken = (
  { binding, username }: Pick<FullSession, "binding" | "username">,
  user: Pick<User, "username">,
): string => (binding === null ? user.username : username);

/** A session and its signed token. */
export interface IssuedSession {
  readonly token: string;
  readonly session: FullSession;
}

/**
 * Returns the two times that a session is compared with: it is live when it expires after `now`, and was last used after
 * `idleSince`. Writes nothing.
 */
export function sessionExpiryAndIdleCutoffsAt(deps: Deps, now: Date): SessionExpiryAndIdleCutoffs {
  return { now, idleSince: new Date(now.getTime() - deps.config.sessionIdleSeconds * 1000) };
}

/** True when the session that was read is live. The idle limit does not apply to pending sessions, which are short. */
export function isSessionLive(deps: Deps, { session, user }: SessionWithUser, now: Date): boolean {
  const isInUse =
    session.kind === "pending" || session.lastSeenAt > sessionExpiryAndIdleCutoffsAt(deps, now).idleSince;
  return session.expiresAt > now && isInUse && user.disabledAt === null;
}

/** The properties of a new session. */
export interface PrepareSessionInput {
  readonly kind: "pending" | "full";
  readonly userId: string;
  /** Ties the session to the credentials of an external first factor. Null: the first factor was a password. */
  readonly binding: string | null;
  readonly amr: readonly string[];
  readonly firstFactorAt: Date;
  readonly secondFactorAt: Date | null;
  /** A session that replaces another one keeps its end: a level change does not extend a session. */
  readonly expiresAt: Date;
  readonly client: ClientAndActor;
}

/** A session that is not stored yet: its row, and the secret for its token. The row has only a hash of the secret, as `id`. */
export interface PreparedSession {
  readonly row: Session;
  readonly secret: string;
}

/** Creates the row of a new session with a random secret. Writes nothing. */
export async function prepareSession(input: PrepareSessionInput, now: Date): Promise<PreparedSession> {
  const secret = generateSessionSecret();
  const row: Session = {
    id: await computeSessionId(secret),
    kind: input.kind,
    userId: input.userId,
    attempts: 0,
    binding: input.binding,
    challengeId: null,
    amr: [...input.amr],
    firstFactorAt: input.firstFactorAt,
    secondFactorAt: input.secondFactorAt,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: input.expiresAt,
    clientAddress: input.client.address,
    network: formatClientNetwork(input.client.address),
    userAgent: input.client.userAgent,
  };
  return { row, secret };
}

/**
 * Creates the row of the full session that replaces another one when the level changes. The old token ends with the old
 * session (SE-03, INC-10), and the new session ends when the old one would have ended. Writes nothing.
 */
export function prepareReplacementSessionRow(
  session: Session,
  level: { readonly amr: readonly string[]; readonly secondFactorAt: Date | null },
  client: ClientAndActor,
  now: Date,
): Promise<PreparedSession> {
  const { userId, binding, firstFactorAt, expiresAt } = session;
  return prepareSession({ kind: "full", userId, binding, firstFactorAt, expiresAt, ...level, client }, now);
}

/** A stored session, and its account, for {@link issueSessionToken}. */
export interface IssueSessionTokenInput {
  readonly row: Session;
  readonly secret: string;
  readonly user: User;
  /** The name in the token: the name of a local account, or the subject as its external source spells it (INC-27). */
  readonly username: string;
}

/** Signs a token for a stored session. With `deps.recheckNewTokens` its `checkedAt` is the Unix epoch, so that the next request rechecks it. */
export async function issueSessionToken(
  deps: Deps,
  { row, secret, user, username }: IssueSessionTokenInput,
  now: Date,
): Promise<IssuedSession> {
  const claims: FullSessionClaims = {
    sessionSecret: secret,
    userId: user.id,
    realm: user.realm,
    username,
    email: user.email,
    enrolled: user.totpEnabled,
    binding: row.binding,
    amr: row.amr,
    firstFactorAt: row.firstFactorAt,
    secondFactorAt: row.secondFactorAt,
    checkedAt: deps.recheckNewTokens ? new Date(0) : now,
    expiresAt: row.expiresAt,
  };
  const token = await signFullSessionToken(deps.config.keyring, claims);
  return { token, session: { ...claims, kind: "full", id: row.id } };
}

/** Signs a new token for a session, or for the session that replaces it. */
export const reissueSessionToken = (
  deps: Deps,
  session: FullSession,
  next: Omit<IssueSessionTokenInput, "username">,
  now: Date,
): Promise<IssuedSession> =>
  issueSessionToken(deps, { ...next, username: usernameForToken(session, next.user) }, now);

/** A live session with a renewed token, and its account. */
export interface RecheckedSession extends IssuedSession {
  readonly user: User;
}

/** Checks on the primary that the session is live, records its use, and renews its token. One trip. Null: it has ended. */
export async function recheckSession(
  deps: Deps,
  session: FullSession,
  now: Date,
): Promise<RecheckedSession | null> {
  const view = await touchAndFindSession(
    deps.db,
    session.id,
    session.userId,
    sessionExpiryAndIdleCutoffsAt(deps, now),
  );
  if (view === null || !isSessionOfSubjectInToken(deps, view, session)) return null;
  const { session: row, user } = view;
  return {
    ...(await reissueSessionToken(deps, session, { row, secret: session.sessionSecret, user }, now)),
    user,
  };
}

/**
 * True when the session of an open connection is live on the primary. Records the use of the connection. One trip.
 *
 * @param use the times at which data passed over the connection since the last check, or null. The session is idle if more than
 *   `SESSION_IDLE` passed from its recorded use to `use.first`, or to now when `use` is null. `use.last` is recorded
 */
export function isUsedSessionLive(
  deps: Deps,
  sessionId: string,
  use: { readonly first: Date; readonly last: Date } | null,
  now: Date,
): Promise<boolean> {
  const { idleSince } = sessionExpiryAndIdleCutoffsAt(deps, use?.first ?? now);
  return use === null
    ? isFullSessionAliveOnPrimary(deps.db, sessionId, { now, idleSince })
    : touchFullSessionOnPrimary(deps.db, sessionId, { now, idleSince }, use.last);
}

/** Signs a token with a `checkedAt` in 1970, so that the next request rechecks the session in the store. */
export async function issueTokenToRecheck(deps: Deps, session: FullSession): Promise<IssuedSession> {
  const stale = { ...session, checkedAt: new Date(0) };
  return { token: await signFullSessionToken(deps.config.keyring, stale), session: stale };
}

/** Lists the account's live sessions, the most recently used first. */
export async function listSessions(
  deps: Deps,
  session: FullSession,
  now: Date,
): Promise<{ ok: true; sessions: readonly Session[] } | Failure> {
  const sessions = await listLiveSessionsOfCaller(
    deps.db,
    session.id,
    session.userId,
    sessionExpiryAndIdleCutoffsAt(deps, now),
  );
  return sessions === null ? { ok: false, reason: "session_over" } : { ok: true, sessions };
}

/**
 * Signs out: ends the session, pending or full. Succeeds also when it has ended already. A client that shares a pending
 * session can't end it: else a client with a stolen first factor could end the sign-in of the account's owner (INC-30).
 */
export async function signOut(
  deps: Deps,
  session: PendingSession | FullSession,
  client: ClientAndActor,
  now: Date,
): Promise<void> {
  if (session.kind === "pending" && session.shared) return;
  const event = {
    id: generateRandomEventId(),
    at: now,
    type: "session.ended",
    client,
    userId: session.kind === "full" ? session.userId : null,
    sessionId: session.id,
  } as const;
  await deleteOrSignOutSession(deps.db, session, event, recentFirstFactorOnlySessionLimitsAt(now));
}

/** Ends one session of the caller's account. The id of another account's session is `no_such_session` (WB-09). */
export async function revokeSession(
  deps: Deps,
  caller: FullSession,
  targetId: string,
  client: ClientAndActor,
  now: Date,
): Promise<{ ok: true } | Failure> {
  const ended = await endSessionOfSameAccount(
    deps.db,
    { sessionId: caller.id, userId: caller.userId },
    targetId,
    sessionExpiryAndIdleCutoffsAt(deps, now),
    {
      id: generateRandomEventId(),
      at: now,
      type: "session.ended",
      client,
      userId: caller.userId,
      sessionId: targetId,
    },
    recentFirstFactorOnlySessionLimitsAt(now),
  );
  if (ended === null) return { ok: false, reason: "session_over" };
  return ended === 0 ? { ok: false, reason: "no_such_session" } : { ok: true };
}

/** Ends all other sessions of the caller's account, pending ones included. */
export async function revokeOtherSessions(
  deps: Deps,
  caller: FullSession,
  client: ClientAndActor,
  now: Date,
): Promise<{ ok: true; ended: number } | Failure> {
  const ended = await endOtherSessionsOfAccount(
    deps.db,
    { sessionId: caller.id, userId: caller.userId },
    sessionExpiryAndIdleCutoffsAt(deps, now),
    {
      id: generateRandomEventId(),
      at: now,
      type: "session.others_ended",
      client,
      userId: caller.userId,
      sessionId: caller.id,
    },
    recentFirstFactorOnlySessionLimitsAt(now),
  );
  return ended === null ? { ok: false, reason: "session_over" } : { ok: true, ended };
}
