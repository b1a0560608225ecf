import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { addKnownDevice, deviceTtlSeconds } from "../core/tokens/known-devices.ts";
import type { ChallengeToken } from "../domain/second-factor/challenges.ts";
import type { IssuedSession } from "../domain/sessions/sessions.ts";
import type { AppContext } from "./context.ts";

/** The cookies of the Worker. The prefix makes browsers refuse them from anybody but this host over TLS. */
const names = {
  full: "sallyport",
  pending: "sallyport-pending",
  challenge: "sallyport-challenge",
  circle: "sallyport-circle",
  device: "sallyport-device",
} as const;

/** The names as they stand in a `Cookie` header: what an origin must neither see nor set. */
export const cookieNames: readonly string[] = Object.values(names).map((name) => `__Host-${name}`);

/** SE-05. Lax, because the first request that comes from another site's link must find its session. */
const flags = { prefix: "host", path: "/", secure: true, httpOnly: true, sameSite: "Lax" } as const;

/** Hands over a full session; what was pending is over with it. */
export function setSessionCookie(c: AppContext, { token, session }: IssuedSession): void {
  setCookie(c, names.full, token, { ...flags, maxAge: secondsUntil(c, session.expiresAt) });
  if (readPendingCookie(c) !== undefined) deleteCookie(c, names.pending, flags);
}

/** Hands over a pending session. */
export function setPendingCookie(c: AppContext, token: string, expiresAt: Date): void {
  setCookie(c, names.pending, token, { ...flags, maxAge: secondsUntil(c, expiresAt) });
}

/** Hands over the session of a hosted challenge. A sign-in that is going on in the same browser is left alone. */
export function setChallengeCookie(c: AppContext, { token, expiresAt }: ChallengeToken): void {
  setCookie(c, names.challenge, token, { ...flags, maxAge: secondsUntil(c, expiresAt) });
}

/** The browser has nothing more to do with the challenge. */
export function clearChallengeCookie(c: AppContext): void {
  deleteCookie(c, names.challenge, flags);
}

/** The token of a hosted challenge, if a cookie carries one. It may be anything. */
export function readChallengeCookie(c: AppContext): string | undefined {
  return getCookie(c, names.challenge, "host");
}

/**
 * Hands over the full session of a sign-in that is complete. Where it was with a password, this browser is from now
 * on a known device of the account, and stays one after sign-out.
 */
export async function setSignedIn(c: AppContext, issued: IssuedSession): Promise<void> {
  setSessionCookie(c, issued);
  if (!issued.session.amr.includes("pwd")) return;
  const devices = await addKnownDevice(c.var.config.keyring, readDevices(c), issued.session, c.var.now);
  setCookie(c, names.device, devices, { ...flags, maxAge: deviceTtlSeconds });
}

/** What this browser brings of earlier sign-ins, for `core/tokens/known-devices.ts`: anything, or "". */
export function readDevices(c: AppContext): string {
  return getCookie(c, names.device, "host") ?? "";
}

/** A visitor who is sent on to the same path this often within so few seconds is sent round in circles. */
const circle = { rounds: 5, seconds: 15, pathCharacters: 100 } as const;

/** Counts one more sending on to this path, and says whether it is one too many. */
export function isGoingInCircles(c: AppContext, returnPath: string): boolean {
  const path = returnPath.slice(0, circle.pathCharacters);
  const [before, ...where] = (getCookie(c, names.circle, "host") ?? "").split(" ");
  const rounds = where.join(" ") === path ? Number(before) + 1 : 1;
  const tooMany = !(rounds <= circle.rounds);
  if (tooMany) deleteCookie(c, names.circle, flags);
  else setCookie(c, names.circle, `${rounds} ${path}`, { ...flags, maxAge: circle.seconds });
  return tooMany;
}

/** Takes the cookies of sign-in and session back. The device stays known: it is no session, and opens nothing. */
export function clearCookies(c: AppContext): void {
  for (const name of [names.full, names.pending]) deleteCookie(c, name, flags);
}

/** The token of a full session, if a cookie carries one. It may be anything. */
export function readSessionCookie(c: AppContext): string | undefined {
  return getCookie(c, names.full, "host");
}

/** The token of a pending session, if a cookie carries one. It may be anything. */
export function readPendingCookie(c: AppContext): string | undefined {
  return getCookie(c, names.pending, "host");
}

function secondsUntil(c: AppContext, end: Date): number {
  return Math.max(Math.floor((end.getTime() - c.var.now.getTime()) / 1000), 0);
}
