import { type ChallengeSession, identifyChallenge } from "../domain/second-factor/challenge-session.ts";
import { readFullSession, readPendingSession } from "../domain/sessions/read-session-token.ts";
import type { FullSession, PendingSession } from "../domain/sessions/sessions.ts";
import { isSessionBoundTo } from "../domain/sign-in/first-factor-source.ts";
import type { AppContext } from "./context.ts";
import { readChallengeCookie, readPendingCookie, readSessionCookie } from "./cookies.ts";
import { FailureError } from "./problem/http-failure.ts";

/** Who calls, as its token says. */
export interface Caller {
  readonly session: FullSession;
  /** A cookie can be replaced in the answer; a bearer token can't where the answer has no field for it. */
  readonly carrier: "cookie" | "bearer";
}

/** Reads `Authorization: Bearer …` (RFC 6750 2.1). Another scheme belongs to somebody else. */
export function readBearerToken(c: AppContext): string | undefined {
  return /^Bearer +([^ ]+)$/i.exec(c.req.header("Authorization") ?? "")?.[1];
}

/** The token of a session. Where the first factor is not a password here, the header is the site's alone. */
const readSessionBearer = (c: AppContext) => (c.get("source") === null ? readBearerToken(c) : undefined);

/**
 * Finds the full session that the request carries, for the Worker's own routes: they ask the store each time, and so
 * the first factor's source, too. A site may have signed somebody else in under the same session of its own.
 */
export async function findCaller(c: AppContext): Promise<Caller | null> {
  const bearer = readSessionBearer(c);
  const caller = await (bearer === undefined ? findByCookie(c) : findByToken(c, bearer, "bearer"));
  return caller !== null && (await isThere(c, caller.session.username)) ? caller : null;
}

/**
 * Finds the full session that the request carries, for the gate, which asks store and source by itself when it has
 * to. A session that belongs to somebody else than who shows himself is none. A bearer token may be the origin's
 * here: one that is not the Worker's does not hide the cookie.
 */
export async function findVisitor(c: AppContext): Promise<Caller | null> {
  const bearer = readSessionBearer(c);
  return (bearer === undefined ? null : await findByToken(c, bearer, "bearer")) ?? findByCookie(c);
}

/** Is this who the first factor's source names now? A password is not asked for again. */
async function isThere({ var: { source } }: AppContext, username: string): Promise<boolean> {
  return source === null || (await source.identify())?.username === username;
}

async function findByCookie(c: AppContext): Promise<Caller | null> {
  const cookie = readSessionCookie(c);
  return cookie === undefined ? null : findByToken(c, cookie, "cookie");
}

async function findByToken(c: AppContext, token: string, carrier: Caller["carrier"]): Promise<Caller | null> {
  const session = await readFullSession(c.get("deps"), token, c.get("now"));
  if (session === null || !(await isSessionBoundTo(c.get("config").keyring, session, c.get("source"))))
    return null;
  return { session, carrier };
}

/**
 * @throws FailureError when the request carries no full session; a pending one opens nothing but the second-factor
 *   step and sign-out (SE-01)
 */
export async function getCaller(c: AppContext): Promise<Caller> {
  const caller = await findCaller(c);
  if (caller === null) throw new FailureError({ ok: false, reason: "unauthenticated" });
  return caller;
}

/** Finds the pending session of this token, or of the cookie, if who it waits for is still there. */
export async function findPending(c: AppContext, token?: string): Promise<PendingSession | null> {
  const carried = token ?? readPendingCookie(c);
  const pending = carried === undefined ? null : await readPendingSession(c.var.deps, carried, c.var.now);
  return pending !== null && (await isThere(c, pending.username)) ? pending : null;
}

/**
 * Finds the session of this hosted challenge. Who the first factor's source names does not matter: the backend that
 * has made the challenge has said who the user is.
 */
export async function findChallengeSession(c: AppContext, id: string): Promise<ChallengeSession | null> {
  const cookie = readChallengeCookie(c);
  const session = cookie === undefined ? null : await identifyChallenge(c.var.deps, cookie, c.var.now);
  return session?.challenge.id === id ? session : null;
}

/** Whatever sessions the request carries, for signing out: bearer, full cookie and pending cookie. */
export async function findAllSessions(c: AppContext): Promise<(FullSession | PendingSession)[]> {
  const bearer = readSessionBearer(c);
  const tokens = bearer === undefined ? [readSessionCookie(c), readPendingCookie(c)] : [bearer];
  const found = await Promise.all(
    tokens.flatMap((token) =>
      token === undefined
        ? []
        : [readFullSession(c.var.deps, token, c.var.now), readPendingSession(c.var.deps, token, c.var.now)],
    ),
  );
  return found.filter((session) => session !== null);
}
