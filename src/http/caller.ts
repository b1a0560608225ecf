import {
  type ChallengeSession,
  readChallengeSessionFromToken,
} from "../domain/second-factor/challenge-session.ts";
import {
  readFullSessionFromToken,
  readPendingSessionFromToken,
} from "../domain/sessions/read-session-token.ts";
import type { FullSession, PendingSession } from "../domain/sessions/sessions.ts";
import { isSessionBoundToCredentials } from "../domain/sign-in/first-factor-source.ts";
import type { AppContext } from "./context.ts";
import { readChallengeCookie, readPendingCookie, readSessionCookie } from "./cookies.ts";
import { FailureError } from "./problem/http-failure.ts";

/** The session that a request carries, and where. */
export interface SessionCaller {
  readonly session: FullSession;
  /** A response can replace the token in a cookie; a bearer token only if the body has a field for it. */
  readonly carrier: "cookie" | "bearer";
}

/** Returns the token of `Authorization: Bearer …` (RFC 6750, section 2.1). Other schemes are not Sallyport's. */
export function readBearerToken(c: AppContext): string | undefined {
  return /^Bearer +([^ ]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
}

/** Returns the bearer token that can be a session token. With an external first factor, `Authorization` is the site's. */
const readSessionBearer = (c: AppContext) => (c.get("source") === null ? readBearerToken(c) : undefined);

/**
 * Finds the full session of a request to Sallyport's own routes. With an external first factor it also asks the source, and
 * returns null if the source names another account: the site may have signed another user in under the same cookie.
 */
export async function findSessionCallerByTokenAndSource(c: AppContext): Promise<SessionCaller | null> {
  const bearer = readSessionBearer(c);
  const caller = await (bearer === undefined ? findByCookie(c) : findByToken(c, bearer, "bearer"));
  return caller !== null && (await isNamedBySource(c, caller.session.username)) ? caller : null;
}

/**
 * Finds the full session of a request at the gate from its token alone, in `Authorization` or the cookie. Reads no store and
 * asks no source: the gate does so itself when it must. Null also for a session that is bound to other credentials than those
 * of the request. A bearer token can be the origin's: if it is not a session token, the cookie counts.
 */
export async function findSessionCallerByTokenOnly(c: AppContext): Promise<SessionCaller | null> {
  const bearer = readSessionBearer(c);
  return (bearer === undefined ? null : await findByToken(c, bearer, "bearer")) ?? findByCookie(c);
}

/** True if the first factor's source names this user now, or if the first factor is a password. */
async function isNamedBySource({ var: { source } }: AppContext, username: string): Promise<boolean> {
  return source === null || (await source.identify())?.username === username;
}

async function findByCookie(c: AppContext): Promise<SessionCaller | null> {
  const cookie = readSessionCookie(c);
  return cookie === undefined ? null : findByToken(c, cookie, "cookie");
}

async function findByToken(
  c: AppContext,
  token: string,
  carrier: SessionCaller["carrier"],
): Promise<SessionCaller | null> {
  const session = await readFullSessionFromToken(c.get("deps"), token, c.get("now"));
  if (
    session === null ||
    !(await isSessionBoundToCredentials(c.get("config").keyring, session, c.get("source")))
  )
    return null;
  return { session, carrier };
}

/**
 * Returns the caller of a route that needs a full session.
 *
 * @throws FailureError 401 without one. A pending session allows only the second factor and sign-out (SE-01)
 */
export async function requireSessionCaller(c: AppContext): Promise<SessionCaller> {
  const caller = await findSessionCallerByTokenAndSource(c);
  if (caller === null) throw new FailureError({ ok: false, reason: "unauthenticated" });
  return caller;
}

/** Finds the pending session of this token, or of the cookie. Null if the source names another account now. */
export async function findPendingSession(c: AppContext, token?: string): Promise<PendingSession | null> {
  const carried = token ?? readPendingCookie(c);
  const pending =
    carried === undefined ? null : await readPendingSessionFromToken(c.var.deps, carried, c.var.now);
  return pending !== null && (await isNamedBySource(c, pending.username)) ? pending : null;
}

/**
 * Finds the session of this hosted challenge. The first factor's source is not asked: the service client that created the
 * challenge has named the user.
 */
export async function findChallengeSession(c: AppContext, id: string): Promise<ChallengeSession | null> {
  const cookie = readChallengeCookie(c);
  const session =
    cookie === undefined ? null : await readChallengeSessionFromToken(c.var.deps, cookie, c.var.now);
  return session?.challenge.id === id ? session : null;
}

/** Returns all sessions of the request, for sign-out: of the bearer token, or of the session and pending cookies. */
export async function findFullAndPendingSessions(c: AppContext): Promise<(FullSession | PendingSession)[]> {
  const bearer = readSessionBearer(c);
  const tokens = bearer === undefined ? [readSessionCookie(c), readPendingCookie(c)] : [bearer];
  const found = await Promise.all(
    tokens.flatMap((token) =>
      token === undefined
        ? []
        : [
            readFullSessionFromToken(c.var.deps, token, c.var.now),
            readPendingSessionFromToken(c.var.deps, token, c.var.now),
          ],
    ),
  );
  return found.filter((session) => session !== null);
}
