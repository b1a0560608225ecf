import * as z from "zod/mini";
import { handOverTtlSeconds } from "../../../core/tokens/hand-over-token.ts";
import { secondsUntil } from "../../../domain/failure.ts";
import type { RightCodeDetails } from "../../../domain/second-factor/submitted-code.ts";
import type { IssuedSession } from "../../../domain/sessions/sessions.ts";
import { completeSignInWithCode } from "../../../domain/sign-in/complete-sign-in.ts";
import { handOverFirstFactor } from "../../../domain/sign-in/hand-over.ts";
import { pendingSessionTtlSeconds } from "../../../domain/sign-in/openings.ts";
import { signInWithPassword } from "../../../domain/sign-in/password-sign-in.ts";
import { findPendingSession } from "../../caller.ts";
import {
  readKnownDevicesCookie,
  setHandOverCookie,
  setPendingCookie,
  setSignInCookies,
} from "../../cookies.ts";
import { handOverPath } from "../../request-source.ts";
import { defineOperation } from "../define-operation.ts";
import { passwordSchema, sessionTokenSchema, totpOrBackupCodeSchema, usernameSchema } from "../fields.ts";
import type { Operation } from "../operation.ts";
import {
  bodySchemaWithSuccessStatus,
  defineDataResponse,
  defineJsonResponse,
  withSuccessStatus,
} from "../success-response.ts";
import {
  acceptedCodeDataSchema,
  exampleAcceptedCodeData,
  exampleSessionToken,
  setCookieHeaderDescription,
} from "./visitor-schemas.ts";

const tag = "Sign-in";
const examplePending = `pending_${exampleSessionToken}`;
const loginBody = () => z.strictObject({ username: usernameSchema(), password: passwordSchema() });
/** The schema of a submitted code. Without `session_token`, the token in the cookie is used. */
const verifyBody = () =>
  z.strictObject({ session_token: z.optional(sessionTokenSchema()), code: totpOrBackupCodeSchema() });

const loginResponse = () =>
  z.union([
    bodySchemaWithSuccessStatus({ session_token: z.string() }),
    z.object({ status: z.literal("totp_required"), session_token: z.string(), expires_in: z.int() }),
  ]);

interface LoginResult {
  readonly ok: true;
  readonly token: string;
  /** How long the pending session waits for the code. Null: the session is full. */
  readonly expiresInSeconds: number | null;
}

interface HandOverResult {
  readonly ok: true;
}

interface VerifySignInResult {
  readonly ok: true;
  readonly issued: IssuedSession;
  readonly evidence: RightCodeDetails;
}

/** Sign-in with both factors: `POST /login` and `POST /totp/verify`. */
export const signInOperations: readonly Operation[] = [
  defineOperation({
    id: "login",
    method: "post",
    path: "/login",
    tag,
    summary: "Sign in with user name and password: the first factor",
    description:
      "If two-factor authentication is on, the response has the token of a pending session, which only POST /totp/verify and POST /logout accept. If the first factor is not a password of Sallyport, the response is 404.",
    access: "public",
    isAvailable: (c) => c.var.source === null,
    body: loginBody,
    bodyExample: { username: "ada", password: "correct horse battery" },
    response: defineJsonResponse({
      schema: loginResponse,
      example: {
        status: "totp_required",
        session_token: examplePending,
        expires_in: pendingSessionTtlSeconds,
      },
      headers: setCookieHeaderDescription,
      present: ({ token, expiresInSeconds }: LoginResult) =>
        expiresInSeconds === null
          ? withSuccessStatus({ session_token: token })
          : { status: "totp_required" as const, session_token: token, expires_in: expiresInSeconds },
    }),
    failures: ["wrong_credentials", "too_many_attempts", "no_such_page"],
    run: async (c, { body }) => {
      const { deps, client, now } = c.var;
      const result = await signInWithPassword(deps, {
        ...body,
        devices: readKnownDevicesCookie(c),
        client,
        now,
      });
      if (!result.ok) return result;
      if (result.next === "done") {
        await setSignInCookies(c, result.issued);
        return { ok: true, token: result.issued.token, expiresInSeconds: null };
      }
      const { token, expiresAt } = result.pending;
      setPendingCookie(c, token, expiresAt);
      return { ok: true, token, expiresInSeconds: secondsUntil(expiresAt, now) };
    },
  }),
  defineOperation({
    id: "handOverFirstFactor",
    method: "post",
    path: handOverPath,
    tag,
    summary: "Let Sallyport's pages in this browser see the first factor of this request",
    description:
      "For a script of a site that keeps its token in the browser's storage. Send the same credentials as in the request that got 401 with hand_over, and then open sign_in. For ten minutes the pages know the account by a cookie of this response, and the session that they open is valid beside the credentials of this request alone. If the first factor is a password of Sallyport, the response is 404.",
    access: "public",
    isAvailable: (c) => c.var.source !== null,
    response: defineDataResponse({
      data: () => z.object({ expires_in: z.int() }),
      example: { expires_in: handOverTtlSeconds },
      headers: { "Set-Cookie": "The hand-over, for Sallyport's pages" },
      present: (_: HandOverResult) => ({ expires_in: handOverTtlSeconds }),
    }),
    failures: ["unauthenticated", "ambiguous_credentials", "first_factor_unavailable", "no_such_page"],
    run: async (c) => {
      const { deps, source, now } = c.var;
      const handedOver = source === null ? null : await handOverFirstFactor(deps, source, now);
      if (handedOver === null) return { ok: false, reason: "unauthenticated" };
      setHandOverCookie(c, handedOver);
      return { ok: true };
    },
  }),
  defineOperation({
    id: "verifySignIn",
    method: "post",
    path: "/totp/verify",
    tag,
    summary: "Complete a sign-in with a code of the authenticator app or a backup code: the second factor",
    access: "pending_session",
    body: verifyBody,
    bodyExample: { session_token: examplePending, code: "123456" },
    response: defineJsonResponse({
      schema: () =>
        bodySchemaWithSuccessStatus({ session_token: z.string(), data: acceptedCodeDataSchema() }),
      example: { status: "success", session_token: exampleSessionToken, data: exampleAcceptedCodeData },
      headers: setCookieHeaderDescription,
      present: ({ issued, evidence: shown }: VerifySignInResult) =>
        withSuccessStatus({
          session_token: issued.token,
          data: { method: shown.method, backup_codes_remaining: shown.backupCodesRemaining },
        }),
    }),
    failures: ["pending_session_over", "wrong_code", "too_many_attempts", "second_factor_disabled"],
    run: async (c, { body }) => {
      const session = await findPendingSession(c, body.session_token);
      if (session === null) return { ok: false, reason: "pending_session_over" };
      const { deps, source, client, now } = c.var;
      const result = await completeSignInWithCode(deps, { session, source, code: body.code, client, now });
      if (result.ok) await setSignInCookies(c, result.issued);
      return result;
    },
  }),
];
