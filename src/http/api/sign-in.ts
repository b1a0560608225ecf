import { Hono } from "hono";
import * as z from "zod/mini";
import { completeSignIn } from "../../domain/complete-sign-in.ts";
import { pendingTtlSeconds, signIn } from "../../domain/sign-in.ts";
import { findPending } from "../caller.ts";
import type { AppEnv } from "../context.ts";
import { setPendingCookie, setSessionCookie } from "../cookies.ts";
import { readJson } from "../json-body.ts";
import { refuse } from "../refusal.tsx";
import { code, password, sessionToken, username } from "./fields.ts";

const loginBody = z.strictObject({ username, password });
/** A page of the same host has the token in a cookie, and leaves it out here. */
const verifyBody = z.strictObject({ session_token: z.optional(sessionToken), code });

/** `POST /login` and `POST /totp/verify`: the two doors. */
export const signInApi = new Hono<AppEnv>()
  .post("/login", async (c) => {
    // Another source is the first factor: there are no passwords to sign in with.
    if (c.var.source !== null) return refuse(c, { ok: false, reason: "no_such_page" });
    const body = await readJson(c, loginBody);
    const { deps, client, network, now } = c.var;
    const result = await signIn(deps, { ...body, network, client, now });
    if (!result.ok) return refuse(c, result);
    if (result.next === "done") {
      setSessionCookie(c, result.issued);
      return c.json({ status: "success", session_token: result.issued.token });
    }
    setPendingCookie(c, result.pendingToken, result.expiresAt);
    return c.json({
      status: "totp_required",
      session_token: result.pendingToken,
      expires_in: pendingTtlSeconds,
    });
  })
  .post("/totp/verify", async (c) => {
    const body = await readJson(c, verifyBody);
    const session = await findPending(c, body.session_token);
    if (session === null) return refuse(c, { ok: false, reason: "pending_session_over" });
    const { deps, client, now } = c.var;
    const result = await completeSignIn(deps, { session, code: body.code, client, now });
    if (!result.ok) return refuse(c, result);
    setSessionCookie(c, result.issued);
    return c.json({
      status: "success",
      session_token: result.issued.token,
      data: {
        method: result.evidence.method,
        backup_codes_remaining: result.evidence.backupCodesRemaining,
      },
    });
  });
