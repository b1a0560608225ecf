import type { FullSession } from "../domain/sessions/sessions.ts";
import { openExternalSession } from "../domain/sign-in/external-sign-in.ts";
import { findPendingSession } from "./caller.ts";
import type { AppContext } from "./context.ts";
import { setPendingCookie, setSessionCookie } from "./cookies.ts";
import { FailureError } from "./problem/http-failure.ts";

/** The session that an external sign-in leads to. */
export type ExternalSignInResult =
  /** The visitor is anonymous at the first factor's source, or the first factor is a password of Sallyport. */
  | { readonly kind: "anonymous" }
  /** A pending session is open: the visitor must enter a code. */
  | { readonly kind: "pending" }
  | { readonly kind: "full"; readonly session: FullSession };

/**
 * Signs in the account that the first factor's source names: opens a full or pending session, or reuses the pending session
 * of the request, and sets the cookie.
 *
 * @throws FailureError 403 for a disabled account
 */
export async function signInWithExternalFirstFactor(c: AppContext): Promise<ExternalSignInResult> {
  const { source, deps, client, now } = c.var;
  const identity = source === null ? null : await source.identify();
  if (source === null || identity === null) return { kind: "anonymous" };
  const held = await findPendingSession(c);
  const arriving = { source, identity, opens: "any", held, client, now } as const;
  const { user, issued, pending } = await openExternalSession(deps, arriving);
  if (user.disabledAt !== null) throw new FailureError({ ok: false, reason: "account_disabled" });
  if (pending?.kind === "issued") setPendingCookie(c, pending.token, pending.expiresAt);
  if (pending !== null) return { kind: "pending" };
  if (issued === null) throw new Error("A session that was just opened is not there");
  setSessionCookie(c, issued);
  return { kind: "full", session: issued.session };
}
