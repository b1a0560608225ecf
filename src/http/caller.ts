import { belongsTo } from "../domain/first-factor-source.ts";
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

/** The token of a session. Where the first factor is not a password here, the header is the site's alone. */
const readSessionBearer = (c: AppContext) => (c.var.source === null ? readBearerToken(c) : undefined);

/**
 * Finds the full session that the request carries, without a trip to the store. A bearer token counts before a
 * cookie. A session that belongs to somebody else than who is there at the first factor's source is none.
 */
export async function findCaller(c: AppContext): Promise<Caller | null> {
  const bearer = readSessionBearer(c);
  const token = bearer ?? readSessionCookie(c);
  if (token === undefined) return null;
  const session = await identifyFull(c.var.deps, token, c.var.now);
  if (session === null || !(await belongsTo(c.var.config.keyring, session, c.var.source))) return null;
  return { session, carrier: bearer === undefined ? "cookie" : "bearer" };
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
  const bearer = readSessionBearer(c);
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
