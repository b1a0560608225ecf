import type { FullSession } from "../domain/sessions/sessions.ts";
import { openExternalSession } from "../domain/sign-in/external-sign-in.ts";
import { findPending } from "./caller.ts";
import type { AppContext } from "./context.ts";
import { setPendingCookie, setSessionCookie } from "./cookies.ts";
import { FailureError } from "./problem/http-failure.ts";

/** How far somebody has come who has no session here yet. */
export type ExternalSignInResult =
  /** Nobody is signed in at the first factor's source, or passwords are the first factor. */
  | { readonly kind: "nobody" }
  /** A pending session is open, and waits for the code. */
  | { readonly kind: "pending" }
  | { readonly kind: "full"; readonly session: FullSession };

/** Asks the first factor's source who is there, and opens the session that this calls for, or uses the pending one that is open. */
export async function signInExternally(c: AppContext): Promise<ExternalSignInResult> {
  const { source, deps, client, now } = c.var;
  const identity = source === null ? null : await source.identify();
  if (source === null || identity === null) return { kind: "nobody" };
  const held = await findPending(c);
  const arriving = { source, identity, opens: "any", held, client, now } as const;
  const { user, issued, pending } = await openExternalSession(deps, arriving);
  if (user.disabledAt !== null) throw new FailureError({ ok: false, reason: "account_disabled" });
  if (pending?.kind === "issued") setPendingCookie(c, pending.token, pending.expiresAt);
  if (pending !== null) return { kind: "pending" };
  if (issued === null) throw new Error("A session that was just opened is not there");
  setSessionCookie(c, issued);
  return { kind: "full", session: issued.session };
}
