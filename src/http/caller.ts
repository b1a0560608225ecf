import { type FullSession, identifyFull, identifyPending, type PendingSession } from "../domain/sessions.ts";
import type { AppContext } from "./context.ts";
import { readPendingCookie, readSessionCookie } from "./cookies.ts";
import { Refused } from "./problem.ts";

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

/** Finds the full session that the request carries, without I/O. A bearer token counts before a cookie. */
export async function findCaller(c: AppContext): Promise<Caller | null> {
  const bearer = readBearerToken(c);
  const token = bearer ?? readSessionCookie(c);
  if (token === undefined) return null;
  const session = await identifyFull(c.var.deps, token, c.var.now);
  return session === null ? null : { session, carrier: bearer === undefined ? "cookie" : "bearer" };
}

/** At the gate a bearer token may be the origin's: one that is not the Worker's does not hide the cookie. */
export async function findVisitor(c: AppContext): Promise<Caller | null> {
  const caller = await findCaller(c);
  const cookie = readSessionCookie(c);
  if (caller !== null || cookie === undefined) return caller;
  const session = await identifyFull(c.var.deps, cookie, c.var.now);
  return session === null ? null : { session, carrier: "cookie" };
}

/**
 * @throws Refused when the request carries no full session; a pending one opens nothing but the second-factor
 *   step and sign-out (STANDARDS SE-01)
 */
export async function getCaller(c: AppContext): Promise<Caller> {
  const caller = await findCaller(c);
  if (caller === null) throw new Refused({ ok: false, reason: "unauthenticated" });
  return caller;
}

/** Finds the pending session of this token, or of the cookie. */
export async function findPending(c: AppContext, token?: string): Promise<PendingSession | null> {
  const carried = token ?? readPendingCookie(c);
  return carried === undefined ? null : identifyPending(c.var.deps, carried, c.var.now);
}

/** Whatever sessions the request carries, for signing out: bearer, full cookie and pending cookie. */
export async function findAllSessions(c: AppContext): Promise<(FullSession | PendingSession)[]> {
  const bearer = readBearerToken(c);
  const tokens = bearer === undefined ? [readSessionCookie(c), readPendingCookie(c)] : [bearer];
  const found = await Promise.all(
    tokens.flatMap((token) =>
      token === undefined
        ? []
        : [identifyFull(c.var.deps, token, c.var.now), identifyPending(c.var.deps, token, c.var.now)],
    ),
  );
  return found.filter((session) => session !== null);
}
