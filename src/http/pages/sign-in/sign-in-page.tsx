import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { canonicalizeUsername } from "../../../core/parsing/username.ts";
import type { Failure } from "../../../domain/failure.ts";
import { recheckSession, signOut } from "../../../domain/sessions/sessions.ts";
import { signInWithPassword } from "../../../domain/sign-in/password-sign-in.ts";
import { findFullAndPendingSessions, findSessionCallerByTokenAndSource } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import {
  clearHandOverCookie,
  clearSessionCookies,
  countRedirectAndDetectLoop,
  readKnownDevicesCookie,
  setPendingCookie,
  setSessionCookie,
  setSignInCookies,
} from "../../cookies.ts";
import { signInWithExternalFirstFactor } from "../../external-first-factor.ts";
import { readFormOrThrow } from "../../form-body.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import type { HttpFailure } from "../../problem/http-failure.ts";
import { ownPagePath } from "../../sign-in-redirect.ts";
import {
  type PageResponse,
  pageProps,
  readReturnPath,
  redirectPathAfterPage,
  requiredTextFieldSchema,
  rerenderWithFailure,
  returnPathSchema,
  showPage,
  siteHref,
  toErrorOrRetryAfterProps,
} from "../layout/page.ts";
import { ExternalSignInRequiredPage, RedirectLoopPage } from "./external-sign-in-view.tsx";
import { SignInPage } from "./sign-in-view.tsx";
import { SignedOutPage, SignOutPage } from "./sign-out-view.tsx";

const signInFormSchema = lazy(() =>
  z.strictObject({
    username: requiredTextFieldSchema(1024),
    password: requiredTextFieldSchema(4096),
    rd: returnPathSchema(),
  }),
);

/** `/sign-in` and `/sign-out`. */
export const signInPageRoutes = new Hono<AppEnv>()
  .get("/sign-in", async (c) => {
    const returnPath = readReturnPath(c);
    const caller = c.req.query("again") === undefined ? await findSessionCallerByTokenAndSource(c) : null;
    // Checked in D1: with the token of an ended session, the site would redirect the visitor back here again and again.
    const checked = caller === null ? null : await recheckSession(c.var.deps, caller.session, c.var.now);
    if (checked === null) {
      if (c.var.source !== null) return signInWithExternalFactor(c, returnPath);
      return showPage(c, <SignInPage {...pageProps(c)} returnPath={returnPath} />);
    }
    setSessionCookie(c, checked);
    return redirectOnward(c, returnPath);
  })
  .post("/sign-in", async (c) => {
    if (c.var.source !== null) return respondWithFailure(c, { ok: false, reason: "no_such_page" });
    const form = await readFormOrThrow(c, signInFormSchema());
    const username = canonicalizeUsername(form.username);
    if (username === null || form.password === "") {
      const detail = "Type your user name and your password.";
      return rerenderSignInPageOrRedirect(
        c,
        { ok: false, reason: "invalid_format", detail },
        form.rd,
        form.username,
      );
    }
    const { deps, client, now } = c.var;
    const { password } = form;
    const devices = readKnownDevicesCookie(c);
    const result = await signInWithPassword(deps, { username, password, devices, client, now });
    if (!result.ok) return rerenderSignInPageOrRedirect(c, result, form.rd, form.username);
    if (result.next === "second_factor") {
      setPendingCookie(c, result.pending.token, result.pending.expiresAt);
      return c.redirect(ownPagePath(c, "/second-factor", form.rd), 303);
    }
    await setSignInCookies(c, result.issued);
    return c.redirect(redirectPathAfterPage(c, form.rd), 303);
  })
  .get("/sign-out", (c) => showPage(c, <SignOutPage {...pageProps(c)} />))
  .post("/sign-out", async (c) => {
    await readFormOrThrow(c, z.strictObject({}));
    for (const session of await findFullAndPendingSessions(c))
      await signOut(c.var.deps, session, c.var.client, c.var.now);
    clearSessionCookies(c);
    clearHandOverCookie(c);
    return showPage(c, <SignedOutPage {...pageProps(c)} siteHref={siteHref(c)} />);
  });

/** Redirects a signed-in visitor to the return path, or shows {@link RedirectLoopPage} if this happens again and again. */
function redirectOnward(c: AppContext, returnPath: string): PageResponse {
  if (countRedirectAndDetectLoop(c, returnPath))
    return showPage(c, <RedirectLoopPage {...pageProps(c)} />, 508);
  return c.redirect(redirectPathAfterPage(c, returnPath), 303);
}

/** For an external first factor: signs the visitor in if its source knows the visitor, else redirects to the source's sign-in page. */
async function signInWithExternalFactor(c: AppContext, returnPath: string): Promise<Response> {
  const signedIn = await signInWithExternalFirstFactor(c);
  if (signedIn.kind === "pending") return c.redirect(ownPagePath(c, "/second-factor", returnPath), 303);
  if (signedIn.kind === "full") return redirectOnward(c, returnPath);
  const loginPath = c.var.source?.loginPath ?? null;
  if (loginPath !== null) return redirectOnward(c, loginPath);
  const allowsAnonymous = c.var.source?.allowsAnonymous === true;
  // The site shows its sign-in page to anonymous visitors. Sallyport's own pages would only redirect back here.
  const isPathOfSite = !`${returnPath}/`.startsWith(`${c.var.config.basePath}/`);
  if (allowsAnonymous && isPathOfSite) return redirectOnward(c, returnPath);
  return showPage(
    c,
    <ExternalSignInRequiredPage {...pageProps(c)} siteHref={allowsAnonymous ? "/" : null} />,
    401,
  );
}

/**
 * Shows the sign-in page with this failure and the submitted user name. With an external first factor it redirects to
 * `/second-factor` instead, which starts a new sign-in.
 */
export function rerenderSignInPageOrRedirect(
  c: AppContext,
  failure: Failure | HttpFailure,
  returnPath: string,
  username?: string,
): PageResponse {
  if (c.var.source !== null) return c.redirect(ownPagePath(c, "/second-factor", returnPath), 303);
  const page = (
    <SignInPage
      {...pageProps(c)}
      returnPath={returnPath}
      username={username}
      {...toErrorOrRetryAfterProps(failure)}
    />
  );
  return rerenderWithFailure(c, failure, page);
}
