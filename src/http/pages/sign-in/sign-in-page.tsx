import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { canonicalUsername } from "../../../core/parsing/username.ts";
import type { Failure } from "../../../domain/failure.ts";
import { logOut, recheckSession } from "../../../domain/sessions/sessions.ts";
import { signIn } from "../../../domain/sign-in/password-sign-in.ts";
import { findAllSessions, findCaller } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import {
  clearCookies,
  isGoingInCircles,
  readDevices,
  setPendingCookie,
  setSessionCookie,
  setSignedIn,
} from "../../cookies.ts";
import { signInExternally } from "../../external-first-factor.ts";
import { readForm } from "../../form-body.ts";
import type { HttpFailure } from "../../problem/problem.ts";
import { refuse } from "../../problem/refusal.tsx";
import { pageUrl } from "../../sign-in-redirect.ts";
import {
  chrome,
  destination,
  explain,
  rerenderWithFailure,
  returnPathField,
  returnPathOf,
  showPage,
  siteHref,
  textField,
} from "../layout/page.ts";
import { LoopPage, SignInElsewherePage } from "./elsewhere-view.tsx";
import { SignInPage } from "./sign-in-view.tsx";
import { SignedOutPage, SignOutPage } from "./sign-out-view.tsx";

const signInForm = lazy(() =>
  z.strictObject({
    username: textField(1024),
    password: textField(4096),
    rd: returnPathField(),
  }),
);

/** `/sign-in` and `/sign-out`. */
export const signInPages = new Hono<AppEnv>()
  .get("/sign-in", async (c) => {
    const returnPath = returnPathOf(c);
    const caller = c.req.query("again") === undefined ? await findCaller(c) : null;
    // The store is asked: a token of a session that was ended would send its visitor round in circles.
    const checked = caller === null ? null : await recheckSession(c.var.deps, caller.session, c.var.now);
    if (checked === null) {
      if (c.var.source !== null) return signInElsewhere(c, returnPath);
      return showPage(c, <SignInPage {...chrome(c)} returnPath={returnPath} />);
    }
    setSessionCookie(c, checked);
    return goOn(c, returnPath);
  })
  .post("/sign-in", async (c) => {
    if (c.var.source !== null) return refuse(c, { ok: false, reason: "no_such_page" });
    const form = await readForm(c, signInForm());
    const username = canonicalUsername(form.username);
    if (username === null || form.password === "") {
      const detail = "Type your user name and your password.";
      return signInAgain(c, { ok: false, reason: "invalid_format", detail }, form.rd, form.username);
    }
    const { deps, client, now } = c.var;
    const { password } = form;
    const devices = readDevices(c);
    const result = await signIn(deps, { username, password, devices, client, now });
    if (!result.ok) return signInAgain(c, result, form.rd, form.username);
    if (result.next === "second_factor") {
      setPendingCookie(c, result.pending.token, result.pending.expiresAt);
      return c.redirect(pageUrl(c, "/second-factor", form.rd), 303);
    }
    await setSignedIn(c, result.issued);
    return c.redirect(destination(c, form.rd), 303);
  })
  .get("/sign-out", (c) => showPage(c, <SignOutPage {...chrome(c)} />))
  .post("/sign-out", async (c) => {
    await readForm(c, z.strictObject({}));
    for (const session of await findAllSessions(c))
      await logOut(c.var.deps, session, c.var.client, c.var.now);
    clearCookies(c);
    return showPage(c, <SignedOutPage {...chrome(c)} siteHref={siteHref(c)} />);
  });

/** Sends somebody on who is signed in; unless he keeps coming back, and so the page behind never learns of it. */
function goOn(c: AppContext, returnPath: string): Response | Promise<Response> {
  if (isGoingInCircles(c, returnPath)) return showPage(c, <LoopPage {...chrome(c)} />, 508);
  return c.redirect(destination(c, returnPath), 303);
}

/** Where the first factor is not a password here, it has a page of its own: the site's, or the provider's. */
async function signInElsewhere(c: AppContext, returnPath: string): Promise<Response> {
  const arrival = await signInExternally(c);
  if (arrival.kind === "pending") return c.redirect(pageUrl(c, "/second-factor", returnPath), 303);
  if (arrival.kind === "full") return goOn(c, returnPath);
  const loginPath = c.var.source?.loginPath ?? null;
  if (loginPath !== null) return goOn(c, loginPath);
  const nobodyPasses = c.var.source?.nobodyPasses === true;
  // The site shows its login to whoever is nobody there. The Worker's own pages would only send him back here.
  const behindGate = !`${returnPath}/`.startsWith(`${c.var.config.basePath}/`);
  if (nobodyPasses && behindGate) return goOn(c, returnPath);
  return showPage(c, <SignInElsewherePage {...chrome(c)} siteHref={nobodyPasses ? "/" : null} />, 401);
}

/** Shows the sign-in page because of a failure, with what was typed but for the password. */
export function signInAgain(
  c: AppContext,
  failure: Failure | HttpFailure,
  returnPath: string,
  username?: string,
): Response | Promise<Response> {
  if (c.var.source !== null) return c.redirect(pageUrl(c, "/second-factor", returnPath), 303);
  const page = (
    <SignInPage {...chrome(c)} returnPath={returnPath} username={username} {...explain(failure)} />
  );
  return rerenderWithFailure(c, failure, page);
}
