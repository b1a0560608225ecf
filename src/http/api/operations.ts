import { Hono } from "hono";
import { listPublicKeys } from "../../core/assertion.ts";
import { checkHealth } from "../../domain/health.ts";
import type { AppEnv } from "../context.ts";
import { refuse } from "../refusal.tsx";

/** Overlaps with the hour that operators are told to leave between adding a key and making it current. */
const jwksMaxAgeSeconds = 300;

/** What machines ask that have no account: `/health` and `/.well-known/jwks.json`. */
export const operationsApi = new Hono<AppEnv>()
  .get("/health", async (c) => {
    const parts = await checkHealth(c.var.deps);
    const data = Object.fromEntries(
      Object.entries(parts).map(([part, answers]) => [part, answers ? "ok" : "failing"]),
    );
    if (Object.values(parts).every(Boolean)) return c.json({ status: "success", data });
    return refuse(c, { ok: false, reason: "unhealthy", parts: data });
  })
  .get("/.well-known/jwks.json", async (c) => {
    const keys = await listPublicKeys(c.var.config.keyring);
    c.header("Cache-Control", `public, max-age=${jwksMaxAgeSeconds}`);
    return c.json({ keys });
  });
