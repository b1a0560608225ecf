import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { secondsUntil } from "../../../domain/failure.ts";
import { completeSignIn } from "../../../domain/sign-in/complete-sign-in.ts";
import { pendingTtlSeconds } from "../../../domain/sign-in/openings.ts";
import { signIn } from "../../../domain/sign-in/password-sign-in.ts";
import { findPending } from "../../caller.ts";
import { readDevices, setPendingCookie, setSignedIn } from "../../cookies.ts";
import { readJson } from "../../json-body.ts";
import { refuse } from "../../problem/refusal.tsx";
import { code, password, sessionToken, username } from "../fields.ts";
import type { Operation } from "../operation.ts";
import {
  done,
  evidence,
  exampleEvidence,
  exampleToken,
  givesCookie,
  type ResponseOf,
  succeeded,
} from "./success.ts";

const tag = "Sign-in";
const examplePending = `pending_${exampleToken}`;
const loginBody = lazy(() => z.strictObject({ username: username(), password: password() }));
const signedIn = () => succeeded({ session_token: z.string() });
const codeWanted = () =>
  z.object({
    status: z.literal("totp_required"),
    session_token: z.string(),
    expires_in: z.int(),
  });
/** A page of the same host has the token in a cookie, and leaves it out here. */
const verifyBody = lazy(() => z.strictObject({ session_token: z.optional(sessionToken()), code: code() }));
const verified = () => succeeded({ session_token: z.string(), data: evidence() });

/** `POST /login` and `POST /totp/verify`: the two doors. */
export const signInOperations: readonly Operation[] = [
  {
    id: "login",
    method: "post",
    path: "/login",
    tag,
    summary: "The first door: user name and password",
    description:
      "Where two-factor authentication is on, the answer is a pending session, which opens nothing but POST /totp/verify and POST /logout. Where passwords are not the first factor, this is a 404.",
    access: "anybody",
    body: loginBody,
    bodyExample: { username: "ada", password: "correct horse battery" },
    successes: done(
      () => z.union([signedIn(), codeWanted()]),
      { status: "totp_required", session_token: examplePending, expires_in: pendingTtlSeconds },
      givesCookie,
    ),
    failures: ["wrong_credentials", "too_many_attempts", "no_such_page"],
    handle: async (c) => {
      // Another source is the first factor: there are no passwords to sign in with.
      if (c.var.source !== null) return refuse(c, { ok: false, reason: "no_such_page" });
      const body = await readJson(c, loginBody());
      const { deps, client, now } = c.var;
      const result = await signIn(deps, { ...body, devices: readDevices(c), client, now });
      if (!result.ok) return refuse(c, result);
      if (result.next === "done") {
        await setSignedIn(c, result.issued);
        return c.json({ status: "success", session_token: result.issued.token } satisfies ResponseOf<
          typeof signedIn
        >);
      }
      const { token, expiresAt } = result.pending;
      setPendingCookie(c, token, expiresAt);
      return c.json({
        status: "totp_required",
        session_token: token,
        expires_in: secondsUntil(expiresAt, now),
      } satisfies ResponseOf<typeof codeWanted>);
    },
  },
  {
    id: "verifySignIn",
    method: "post",
    path: "/totp/verify",
    tag,
    summary: "The second door: a code of the authenticator app, or a backup code",
    access: "pending_session",
    body: verifyBody,
    bodyExample: { session_token: examplePending, code: "123456" },
    successes: done(
      verified,
      { status: "success", session_token: exampleToken, data: exampleEvidence },
      givesCookie,
    ),
    failures: ["pending_session_over", "wrong_code", "too_many_attempts", "second_factor_disabled"],
    handle: async (c) => {
      const body = await readJson(c, verifyBody());
      const session = await findPending(c, body.session_token);
      if (session === null) return refuse(c, { ok: false, reason: "pending_session_over" });
      const { deps, source, client, now } = c.var;
      const result = await completeSignIn(deps, { session, source, code: body.code, client, now });
      if (!result.ok) return refuse(c, result);
      await setSignedIn(c, result.issued);
      return c.json({
        status: "success",
        session_token: result.issued.token,
        data: {
          method: result.evidence.method,
          backup_codes_remaining: result.evidence.backupCodesRemaining,
        },
      } satisfies ResponseOf<typeof verified>);
    },
  },
];
