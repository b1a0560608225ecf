import { clientNetwork } from "../../core/parsing/client-network.ts";
import {
  generateSessionSecret,
  type SessionClaims,
  sessionIdOf,
  signFullToken,
} from "../../core/tokens/session-token.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import {
  endOtherSessions,
  endSession,
  endSessionOfUser,
  hasLivingSession,
  listSessions as listStoredSessions,
  renewSession,
  type Session,
  type SessionCutoff,
  type SessionView,
} from "../../store/sessions/session-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { isAccountOf } from "../sign-in/external-name.ts";
import { isExternalRealm } from "../sign-in/external-realm.ts";
import { recentOpenings } from "../sign-in/openings.ts";

/** The first factor is done and the second is not. It opens nothing but the second-factor step. */
export interface PendingSession {
  readonly kind: "pending";
  readonly id: string;
  readonly username: string;
  readonly expiresAt: Date;
  /** Another client has opened it: this one may type a code, and not end it. */
  readonly shared: boolean;
}

/** A session that its token vouches for. Whether it has been revoked since `checkedAt`, only the store knows. */
export interface FullSession extends SessionClaims {
  readonly kind: "full";
  readonly id: string;
}

/**
 * Is this still the account of the subject that the session's token names (INC-27)? Accounts of external sources only: any
 * other session, and that of a hosted challenge, follows the name of its account.
 */
export const isSessionOfNamedAccount = (
  deps: Deps,
  { session, user }: SessionView,
  { username }: Pick<FullSession | PendingSession, "username">,
): boolean =>
  session.challengeId !== null || !isExternalRealm(user.realm) || isAccountOf(deps, user, username);

/** Whom the next token of a session names. */
const nameIn = (
  { binding, username }: Pick<FullSession, "binding" | "username">,
  user: Pick<User, "username">,
): string => (binding === null ? user.username : username);

/** A session with the token to carry it. */
export interface IssuedSession {
  readonly token: string;
  readonly session: FullSession;
}

/** When a session seen last at some time still counts as alive `now`. */
export function sessionCutoffAt(deps: Deps, now: Date): SessionCutoff {
  return { now, idleSince: new Date(now.getTime() - deps.config.sessionIdleSeconds * 1000) };
}

/** Is the session alive, as it was read? A pending one does not grow idle: it is short anyway. */
export function isSessionLive(deps: Deps, { session, user }: SessionView, now: Date): boolean {
  const seen = session.kind === "pending" || session.lastSeenAt > sessionCutoffAt(deps, now).idleSince;
  return session.expiresAt > now && seen && user.disabledAt === null;
}

/** What a new session is made of. */
export interface SessionInput {
  readonly kind: "pending" | "full";
  readonly userId: string;
  /** Null for a password. */
  readonly binding: string | null;
  readonly amr: readonly string[];
  readonly firstFactorAt: Date;
  readonly secondFactorAt: Date | null;
  /** Kept when a session takes the place of another: changing the level makes no session older than allowed. */
  readonly expiresAt: Date;
  readonly client: ClientContext;
}

/** A session that is not stored yet: its row, and the secret that only its token will have. */
export interface PreparedSession {
  readonly row: Session;
  readonly secret: string;
}

/** Draws a session. */
export async function prepareSession(origin: SessionInput, now: Date): Promise<PreparedSession> {
  const secret = generateSessionSecret();
  const row: Session = {
    id: await sessionIdOf(secret),
    kind: origin.kind,
    userId: origin.userId,
    attempts: 0,
    binding: origin.binding,
    challengeId: null,
    amr: [...origin.amr],
    firstFactorAt: origin.firstFactorAt,
    secondFactorAt: origin.secondFactorAt,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: origin.expiresAt,
    clientAddress: origin.client.address,
    network: clientNetwork(origin.client.address),
    userAgent: origin.client.userAgent,
  };
  return { row, secret };
}

/**
 * Draws the session that takes the place of another when the level changes: a new token, and the old one is dead
 * (SE-03, INC-10). It lives no longer than the old one would have.
 */
export function prepareReplacementSession(
  session: Session,
  level: { readonly amr: readonly string[]; readonly secondFactorAt: Date | null },
  client: ClientContext,
  now: Date,
): Promise<PreparedSession> {
  const { userId, binding, firstFactorAt, expiresAt } = session;
  return prepareSession({ kind: "full", userId, binding, firstFactorAt, expiresAt, ...level, client }, now);
}

/** A session that the store has just been seen to hold. */
export interface IssueSessionInput {
  readonly row: Session;
  readonly secret: string;
  readonly user: User;
  /** Whom the token names: the account's name, or the subject as its external source named it (INC-27). */
  readonly username: string;
}

/** Signs the token of a session. */
export async function issueSession(
  deps: Deps,
  { row, secret, user, username }: IssueSessionInput,
  now: Date,
): Promise<IssuedSession> {
  const claims: SessionClaims = {
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
    checkedAt: now,
    expiresAt: row.expiresAt,
  };
  const token = await signFullToken(deps.config.keyring, claims);
  return { token, session: { ...claims, kind: "full", id: row.id } };
}

/** Signs the next token of a session, or that of the session which takes its place: {@link issueSession}. */
export const reissueSession = (
  deps: Deps,
  session: FullSession,
  next: Omit<IssueSessionInput, "username">,
  now: Date,
): Promise<IssuedSession> => issueSession(deps, { ...next, username: nameIn(session, next.user) }, now);

/** A session that the store has just confirmed, with its account and a renewed token. */
export interface RecheckedSession extends IssuedSession {
  readonly user: User;
}

/** Asks the primary whether the session lives, and renews its token: one trip. Null: it does not. */
export async function recheckSession(
  deps: Deps,
  session: FullSession,
  now: Date,
): Promise<RecheckedSession | null> {
  const view = await renewSession(deps.db, session.id, session.userId, sessionCutoffAt(deps, now));
  if (view === null || !isSessionOfNamedAccount(deps, view, session)) return null;
  const { session: row, user } = view;
  return {
    ...(await reissueSession(deps, session, { row, secret: session.sessionSecret, user }, now)),
    user,
  };
}

/** Is the session alive? It does not count as seen by this. One trip. */
export async function isSessionLiveInStore(deps: Deps, sessionId: string, now: Date): Promise<boolean> {
  return hasLivingSession(deps.db, sessionId, sessionCutoffAt(deps, now));
}

/** The same session with a token that nobody believes without asking. */
export async function issueTokenToRecheck(deps: Deps, session: FullSession): Promise<IssuedSession> {
  const distrusted = { ...session, checkedAt: new Date(0) };
  return { token: await signFullToken(deps.config.keyring, distrusted), session: distrusted };
}

/** The account's living sessions, the last seen first. */
export async function listSessions(
  deps: Deps,
  session: FullSession,
  now: Date,
): Promise<{ ok: true; sessions: readonly Session[] } | Failure> {
  const sessions = await listStoredSessions(deps.db, session.id, session.userId, sessionCutoffAt(deps, now));
  return sessions === null ? { ok: false, reason: "session_over" } : { ok: true, sessions };
}

/**
 * Signs out: ends this session, pending or full. Ending one that is over already is no failure. A pending session is over
 * for the client that opened it, and goes on for those that share it: else a client with a stolen first factor could end
 * the owner's (INC-30).
 */
export async function logOut(
  deps: Deps,
  session: PendingSession | FullSession,
  client: ClientContext,
  now: Date,
): Promise<void> {
  if (session.kind === "pending" && session.shared) return;
  const event = {
    id: generateEventId(),
    at: now,
    type: "session.ended",
    client,
    userId: session.kind === "full" ? session.userId : null,
    sessionId: session.id,
  } as const;
  await endSession(deps.db, session, event, recentOpenings(now));
}

/** Ends one session of the caller's account. Another account's session is not found (WB-09). */
export async function revokeSession(
  deps: Deps,
  caller: FullSession,
  targetId: string,
  client: ClientContext,
  now: Date,
): Promise<{ ok: true } | Failure> {
  const ended = await endSessionOfUser(
    deps.db,
    { sessionId: caller.id, userId: caller.userId },
    targetId,
    sessionCutoffAt(deps, now),
    {
      id: generateEventId(),
      at: now,
      type: "session.ended",
      client,
      userId: caller.userId,
      sessionId: targetId,
    },
    recentOpenings(now),
  );
  if (ended === null) return { ok: false, reason: "session_over" };
  return ended === 0 ? { ok: false, reason: "no_such_session" } : { ok: true };
}

/** Ends every other session of the caller's account, pending ones too. */
export async function revokeOtherSessions(
  deps: Deps,
  caller: FullSession,
  client: ClientContext,
  now: Date,
): Promise<{ ok: true; ended: number } | Failure> {
  const ended = await endOtherSessions(
    deps.db,
    { sessionId: caller.id, userId: caller.userId },
    sessionCutoffAt(deps, now),
    {
      id: generateEventId(),
      at: now,
      type: "session.others_ended",
      client,
      userId: caller.userId,
      sessionId: caller.id,
    },
    recentOpenings(now),
  );
  return ended === null ? { ok: false, reason: "session_over" } : { ok: true, ended };
}
