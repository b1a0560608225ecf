import { Hono } from "hono";
import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { parseSubmittedCode } from "../../../core/parsing/code-input.ts";
import type { Failure } from "../../../domain/failure.ts";
import { regenerateBackupCodes } from "../../../domain/second-factor/backup-codes.ts";
import { disableTotp } from "../../../domain/second-factor/disable-totp.ts";
import { recheckSessionAndGetSecondFactorStatus } from "../../../domain/second-factor/second-factor-status.ts";
import {
  type FullSession,
  listSessions,
  revokeOtherSessions,
  revokeSession,
} from "../../../domain/sessions/sessions.ts";
import { findSessionCallerByTokenAndSource } from "../../caller.ts";
import type { AppContext, AppEnv } from "../../context.ts";
import { clearSessionCookies, readKnownDevicesCookie, setSessionCookie } from "../../cookies.ts";
import { signInWithExternalFirstFactor } from "../../external-first-factor.ts";
import { readFormOrThrow } from "../../form-body.ts";
import { respondWithFailure } from "../../problem/failure-response.tsx";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { toProblem } from "../../problem/problem.ts";
import { ownPagePath } from "../../sign-in-redirect.ts";
import {
  type PageResponse,
  pageProps,
  requiredTextFieldSchema,
  rerenderWithFailure,
  showPage,
  siteHref,
  toErrorOrRetryAfterProps,
} from "../layout/page.ts";
import { AccountPage, type AccountPageProps } from "./account-view.tsx";
import { NewBackupCodesPage } from "./backup-codes-view.tsx";

const codeFormSchema = lazy(() => z.strictObject({ code: requiredTextFieldSchema(1024) }));
const disableFormSchema = lazy(() =>
  z.strictObject({
    code: requiredTextFieldSchema(1024),
    password: z.optional(requiredTextFieldSchema(4096)),
  }),
);
const endSessionFormSchema = lazy(() => z.strictObject({ id: requiredTextFieldSchema(128) }));

/** The notice after a redirect, by the value of `done` in the query. The query can't contain the text itself, or a link could show any text. */
const notices: ReadonlyMap<string, string> = new Map([
  ["two-factor-off", "Two-factor authentication is off."],
  ["session-ended", "The session has been ended."],
  ["others-ended", "All other sessions have been ended."],
]);

/** `/account`: shows the visitor's second factor, backup codes and sessions, and changes them. */
export const accountPageRoutes = new Hono<AppEnv>()
  .get("/account", (c) => {
    const notice = notices.get(c.req.query("done") ?? "");
    return withAccountSession(c, (session) =>
      showAccount(c, session, notice === undefined ? {} : { notice }),
    );
  })
  .post("/account/backup-codes", (c) =>
    withAccountSession(c, async (session) => {
      const form = await readFormOrThrow(c, codeFormSchema());
      const code = parseSubmittedCode(form.code);
      if (code === null) return showAccount(c, session, { failure: noCode, errorIn: "backup-codes" });
      const { deps, client, now } = c.var;
      const result = await regenerateBackupCodes(deps, { session, code, client, now });
      if (!result.ok) return showAccount(c, session, { failure: result, errorIn: "backup-codes" });
      const page = (
        <NewBackupCodesPage
          {...pageProps(c)}
          codes={[...result.backupCodes]}
          reason="regenerated"
          continueHref={ownPagePath(c, "/account")}
          continueLabel="I have saved them: to my account"
        />
      );
      return showPage(c, page);
    }),
  )
  .post("/account/two-factor/disable", (c) =>
    withAccountSession(c, async (session) => {
      const form = await readFormOrThrow(c, disableFormSchema());
      const code = parseSubmittedCode(form.code);
      if (code === null) return showAccount(c, session, { failure: noCode, errorIn: "disable" });
      const { deps, client, now } = c.var;
      const password = form.password ?? null;
      const devices = readKnownDevicesCookie(c);
      const request = { session, code, password, callerSession: "replace", devices, client, now } as const;
      const disabled = await disableTotp(deps, request);
      if (!disabled.ok) return showAccount(c, session, { failure: disabled, errorIn: "disable" });
      if (disabled.issued !== null) setSessionCookie(c, disabled.issued);
      return c.redirect(`${ownPagePath(c, "/account")}?done=two-factor-off`, 303);
    }),
  )
  .post("/account/sessions/end", (c) =>
    withAccountSession(c, async (session) => {
      const { id } = await readFormOrThrow(c, endSessionFormSchema());
      const ended = await revokeSession(c.var.deps, session, id, c.var.client, c.var.now);
      // A session that has already ended is a success, too.
      if (!ended.ok && ended.reason !== "no_such_session") return showAccount(c, session, { failure: ended });
      return c.redirect(`${ownPagePath(c, "/account")}?done=session-ended`, 303);
    }),
  )
  .post("/account/sessions/end-others", (c) =>
    withAccountSession(c, async (session) => {
      await readFormOrThrow(c, z.strictObject({}));
      const ended = await revokeOtherSessions(c.var.deps, session, c.var.client, c.var.now);
      if (!ended.ok) return showAccount(c, session, { failure: ended });
      return c.redirect(`${ownPagePath(c, "/account")}?done=others-ended`, 303);
    }),
  );

const noCode: AnyFailure = {
  ok: false,
  reason: "invalid_format",
  detail: "Type the six digits that your app shows, or a backup code.",
};

/** Calls `handle` with the visitor's full session. Without one, it signs the visitor in externally or redirects to the page for that. */
async function withAccountSession(
  c: AppContext,
  handle: (session: FullSession) => PageResponse,
): Promise<Response> {
  const caller = await findSessionCallerByTokenAndSource(c);
  if (caller !== null) return handle(caller.session);
  // The page with the form has set a session cookie. A client that did not keep it can't change anything (INC-30).
  if (c.req.method !== "GET" && c.var.source !== null) return c.redirect(here(c), 303);
  const signedIn = await signInWithExternalFirstFactor(c);
  if (signedIn.kind === "full") return handle(signedIn.session);
  return signedIn.kind === "pending"
    ? c.redirect(ownPagePath(c, "/second-factor", here(c)), 303)
    : toSignIn(c);
}

function toSignIn(c: AppContext): Response {
  clearSessionCookies(c);
  return c.redirect(ownPagePath(c, "/sign-in", here(c)), 303);
}

const here = (c: AppContext) => ownPagePath(c, "/account");

interface AccountState {
  readonly notice?: string;
  readonly failure?: AnyFailure;
  readonly errorIn?: NonNullable<AccountPageProps["errorIn"]>;
}

async function showAccount(c: AppContext, session: FullSession, state: AccountState): Promise<Response> {
  const { deps, client, now } = c.var;
  const status = await recheckSessionAndGetSecondFactorStatus(deps, session, client, now);
  const listed = status.ok ? await listSessions(deps, session, now) : status;
  if (!status.ok || !listed.ok) return respondToAccountFailure(c, status.ok ? listed : status);
  setSessionCookie(c, status.checked);
  const { failure, ...rest } = state;
  const page = (
    <AccountPage
      {...pageProps(c)}
      {...rest}
      error={failure === undefined ? undefined : errorText(failure)}
      user={status.checked.session}
      enabled={status.enabled}
      setupAt={status.setupAt}
      backupCodesRemaining={status.backupCodesRemaining}
      sessions={listed.sessions.map((row) => ({
        ...row,
        current: row.id === session.id,
        aal: row.secondFactorAt === null ? 1 : 2,
      }))}
      hasPassword={status.checked.user.passwordHash !== null}
      siteHref={siteHref(c)}
    />
  );
  return failure === undefined ? showPage(c, page) : rerenderWithFailure(c, failure, page);
}

function respondToAccountFailure(c: AppContext, failure: Failure | { ok: true }): Response {
  if (failure.ok) throw new Error("respondToAccountFailure was called without a failure");
  return failure.reason === "session_over" ? toSignIn(c) : respondWithFailure(c, failure);
}

function errorText(failure: AnyFailure): string {
  if (failure.reason === "wrong_credentials") return "The password is wrong.";
  const props = toErrorOrRetryAfterProps(failure);
  return "error" in props
    ? props.error
    : `${toProblem(failure).title}. Try again in ${props.retryAfterSeconds} seconds.`;
}
