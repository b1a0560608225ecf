import { Hono } from "hono";
import * as z from "zod";
import { canonicalUsername } from "../../core/username.ts";
import type { Failure } from "../../domain/failure.ts";
import { checkSession, logOut } from "../../domain/sessions.ts";
import { signIn } from "../../domain/sign-in.ts";
import { findAllSessions, findCaller } from "../caller.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { clearCookies, setPendingCookie, setSessionCookie } from "../cookies.ts";
import { pageUrl } from "../entry.ts";
import { readForm } from "../form-body.ts";
import type { HttpFailure } from "../problem.ts";
import {
  chrome,
  destination,
  explain,
  returnPathField,
  returnPathOf,
  showFailure,
  showPage,
  siteHref,
} from "./page.ts";
import { SignInPage } from "./views/sign-in.tsx";
import { SignedOutPage, SignOutPage } from "./views/sign-out.tsx";

const signInForm = z.strictObject({
  username: z.string().max(1024),
  password: z.string().max(4096),
  rd: returnPathField,
});

/** `/sign-in` and `/sign-out`. */
export const signInPages = new Hono<AppEnv>()
  .get("/sign-in", async (c) => {
    const returnPath = returnPathOf(c);
    const caller = c.req.query("again") === undefined ? await findCaller(c) : null;
    // The store is asked: a token of a session that was ended would send its visitor round in circles.
    const checked = caller === null ? null : await checkSession(c.var.deps, caller.session, c.var.now);
    if (checked === null) return showPage(c, <SignInPage {...chrome(c)} returnPath={returnPath} />);
    setSessionCookie(c, checked);
    return c.redirect(destination(c, returnPath), 303);
  })
  .post("/sign-in", async (c) => {
    const form = await readForm(c, signInForm);
    const username = canonicalUsername(form.username);
    if (username === null || form.password === "") {
      const detail = "Type your user name and your password.";
      return signInAgain(c, { ok: false, reason: "invalid_format", detail }, form.rd, form.username);
    }
    const { deps, client, network, now } = c.var;
    const result = await signIn(deps, { username, password: form.password, network, client, now });
    if (!result.ok) return signInAgain(c, result, form.rd, form.username);
    if (result.next === "second_factor") {
      setPendingCookie(c, result.pendingToken, result.expiresAt);
      return c.redirect(pageUrl(c, "/second-factor", form.rd), 303);
    }
    setSessionCookie(c, result.issued);
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

/** Shows the sign-in page because of a failure, with what was typed but for the password. */
export function signInAgain(
  c: AppContext,
  failure: Failure | HttpFailure,
  returnPath: string,
  username?: string,
): Response | Promise<Response> {
  const page = (
    <SignInPage {...chrome(c)} returnPath={returnPath} username={username} {...explain(failure)} />
  );
  return showFailure(c, failure, page);
}
