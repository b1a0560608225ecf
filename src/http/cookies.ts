import { deleteCookie, setCookie } from "hono/cookie";
import { findOwnCookie } from "../core/parsing/cookie-header.ts";
import type { HandOverToken } from "../core/tokens/hand-over-token.ts";
import { addToKnownDevicesCookie, knownDeviceTtlSeconds } from "../core/tokens/known-devices.ts";
import type { ChallengeSessionToken } from "../domain/second-factor/challenges.ts";
import type { IssuedSession } from "../domain/sessions/sessions.ts";
import type { AppContext } from "./context.ts";

/** Sallyport's cookies. With the prefix `__Host-`, browsers accept them only from this host over TLS. */
const names = {
  full: "sallyport",
  pending: "sallyport-pending",
  challenge: "sallyport-challenge",
  handOver: "sallyport-handover",
  circle: "sallyport-circle",
  device: "sallyport-device",
} as const;

/** The names with the prefix. An origin can neither read nor set these cookies. */
export const sallyportCookieNames: readonly string[] = Object.values(names).map((name) => `__Host-${name}`);

/** SE-05. `Lax`, so that a link on another site opens a page with the session. */
const flags = { prefix: "host", path: "/", secure: true, httpOnly: true, sameSite: "Lax" } as const;

function readCookie(c: AppContext, name: string): string | undefined {
  const header = c.req.raw.headers.get("Cookie");
  return header === null ? undefined : findOwnCookie(header, `__Host-${name}`);
}

/** Sets the cookie of a full session, and removes that of the pending one. */
export function setSessionCookie(c: AppContext, { token, session }: IssuedSession): void {
  setCookie(c, names.full, token, { ...flags, maxAge: secondsUntil(c, session.expiresAt) });
  if (readPendingCookie(c) !== undefined) deleteCookie(c, names.pending, flags);
}

/** Sets the cookie of a pending session. */
export function setPendingCookie(c: AppContext, token: string, expiresAt: Date): void {
  setCookie(c, names.pending, token, { ...flags, maxAge: secondsUntil(c, expiresAt) });
}

/** Sets the cookie of a hosted challenge. It does not touch the cookies of a sign-in in the same browser. */
export function setChallengeCookie(c: AppContext, { token, expiresAt }: ChallengeSessionToken): void {
  setCookie(c, names.challenge, token, { ...flags, maxAge: secondsUntil(c, expiresAt) });
}

/** Removes the cookie of a hosted challenge. */
export function clearChallengeCookie(c: AppContext): void {
  deleteCookie(c, names.challenge, flags);
}

/** Sets the cookie with the first factor that a script has handed over to Sallyport's pages. */
export function setHandOverCookie(c: AppContext, { token, expiresAt }: HandOverToken): void {
  setCookie(c, names.handOver, token, { ...flags, maxAge: secondsUntil(c, expiresAt) });
}

/** Removes the cookie of a hand-over, if the browser has one. */
export function clearHandOverCookie(c: AppContext): void {
  if (readHandOverCookie(c) !== undefined) deleteCookie(c, names.handOver, flags);
}

/** Returns the token of a hand-over from its cookie. Not verified. */
export function readHandOverCookie(c: AppContext): string | undefined {
  return readCookie(c, names.handOver);
}

/** Returns the token of a hosted challenge from its cookie. Not verified. */
export function readChallengeCookie(c: AppContext): string | undefined {
  return readCookie(c, names.challenge);
}

/**
 * Sets the cookies of a complete sign-in: the session and, after a password, the account's entry in the device cookie. The
 * browser stays a known device of the account after sign-out. The cookie of a hand-over is removed.
 */
export async function setSignInCookies(c: AppContext, issued: IssuedSession): Promise<void> {
  setSessionCookie(c, issued);
  clearHandOverCookie(c);
  if (!issued.session.amr.includes("pwd")) return;
  const devices = await addToKnownDevicesCookie(
    c.var.config.keyring,
    readKnownDevicesCookie(c),
    issued.session,
    c.var.now,
  );
  setCookie(c, names.device, devices, { ...flags, maxAge: knownDeviceTtlSeconds });
}

/** Returns the device cookie for `core/tokens/known-devices.ts`, or "". Not verified. */
export function readKnownDevicesCookie(c: AppContext): string {
  return readCookie(c, names.device) ?? "";
}

/** More redirects than `maxRedirects` to one path within `seconds` are a redirect loop. */
const loop = { maxRedirects: 5, seconds: 15, pathCharacters: 100 } as const;

/** Counts a redirect to this path in a cookie. Returns true when the limit is exceeded: the redirects are a loop. */
export function countRedirectAndDetectLoop(c: AppContext, returnPath: string): boolean {
  const path = returnPath.slice(0, loop.pathCharacters);
  const [count, ...counted] = (readCookie(c, names.circle) ?? "").split(" ");
  const redirects = counted.join(" ") === path ? Number(count) + 1 : 1;
  const isLoop = !(redirects <= loop.maxRedirects);
  if (isLoop) deleteCookie(c, names.circle, flags);
  else setCookie(c, names.circle, `${redirects} ${path}`, { ...flags, maxAge: loop.seconds });
  return isLoop;
}

/** Removes the session and pending cookies. The device cookie stays: it grants no access. */
export function clearSessionCookies(c: AppContext): void {
  for (const name of [names.full, names.pending]) deleteCookie(c, name, flags);
}

/** Returns the token of a full session from its cookie. Not verified. */
export function readSessionCookie(c: AppContext): string | undefined {
  return readCookie(c, names.full);
}

/** Returns the token of a pending session from its cookie. Not verified. */
export function readPendingCookie(c: AppContext): string | undefined {
  return readCookie(c, names.pending);
}

function secondsUntil(c: AppContext, end: Date): number {
  return Math.max(Math.floor((end.getTime() - c.var.now.getTime()) / 1000), 0);
}
