import { Hono } from "hono";
import * as z from "zod";
import { equalInConstantTime } from "../../core/constant-time.ts";
import { createUser } from "../../domain/users.ts";
import { readBearerToken } from "../caller.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { readJson } from "../json-body.ts";
import { refuse } from "../refusal.tsx";
import { email, password, username } from "./fields.ts";

const userBody = z.strictObject({ username, password: password.optional(), email: email.optional() });

/** `/v1/users`: the part of the service API that makes accounts. */
export const usersApi = new Hono<AppEnv>().post("/v1/users", async (c) => {
  if (!(await hasAdminKey(c))) return refuse(c, { ok: false, reason: "invalid_api_key" });
  const body = await readJson(c, userBody);
  const result = await createUser(c.var.deps, {
    username: body.username,
    password: body.password ?? null,
    email: body.email ?? null,
    client: c.var.client,
    now: c.var.now,
  });
  if (!result.ok) return refuse(c, result);
  const { user } = result;
  const data = {
    id: user.id,
    realm: user.realm,
    username: user.username,
    email: user.email,
    totp_enabled: user.totpEnabled,
    created_at: user.createdAt.toISOString(),
  };
  return c.json({ status: "success", data }, 201);
});

async function hasAdminKey(c: AppContext): Promise<boolean> {
  const key = readBearerToken(c);
  return key !== undefined && equalInConstantTime(key, c.var.config.adminKey);
}
