import { Hono } from "hono";
import { authenticatedAt } from "../../domain/access.ts";
import {
  checkSession,
  listSessions,
  logOut,
  revokeOtherSessions,
  revokeSession,
} from "../../domain/sessions.ts";
import type { Session } from "../../store/sessions.ts";
import { findAllSessions, getCaller } from "../caller.ts";
import type { AppEnv } from "../context.ts";
import { clearCookies, setSessionCookie } from "../cookies.ts";
import { readJson } from "../json-body.ts";
import { refuse } from "../refusal.tsx";
import { nothing } from "./fields.ts";

/** Who am I, where else am I, and out: `/session`, `/sessions`, `/logout`. */
export const sessionsApi = new Hono<AppEnv>()
  .get("/session", async (c) => {
    const { session, carrier } = await getCaller(c);
    const checked = await checkSession(c.var.deps, session, c.var.now);
    if (checked === null) return refuse(c, { ok: false, reason: "session_over" });
    if (carrier === "cookie") setSessionCookie(c, checked);
    const { user, session: current } = checked;
    const data = {
      user: { id: user.id, username: user.username, email: user.email },
      ...describeLevel(current),
      auth_time: authenticatedAt(current).toISOString(),
      expires_at: current.expiresAt.toISOString(),
    };
    return c.json({ status: "success", data });
  })
  .post("/logout", async (c) => {
    await readJson(c, nothing);
    const sessions = await findAllSessions(c);
    if (sessions.length === 0) return refuse(c, { ok: false, reason: "unauthenticated" });
    for (const session of sessions) await logOut(c.var.deps, session, c.var.client, c.var.now);
    clearCookies(c);
    return c.json({ status: "success", message: "Signed out" });
  })
  .get("/sessions", async (c) => {
    const { session } = await getCaller(c);
    const listed = await listSessions(c.var.deps, session, c.var.now);
    if (!listed.ok) return refuse(c, listed);
    const sessions = listed.sessions.map((row) => describeSession(row, session.id));
    return c.json({ status: "success", data: { sessions } });
  })
  .delete("/sessions/:id", async (c) => {
    const { session } = await getCaller(c);
    await readJson(c, nothing);
    const ended = await revokeSession(c.var.deps, session, c.req.param("id"), c.var.client, c.var.now);
    if (!ended.ok) return refuse(c, ended);
    if (c.req.param("id") === session.id) clearCookies(c);
    return c.json({ status: "success", data: { ended: 1 } });
  })
  .delete("/sessions", async (c) => {
    const { session } = await getCaller(c);
    await readJson(c, nothing);
    const ended = await revokeOtherSessions(c.var.deps, session, c.var.client, c.var.now);
    if (!ended.ok) return refuse(c, ended);
    return c.json({ status: "success", data: { ended: ended.ended } });
  });

function describeLevel({ amr, secondFactorAt }: { amr: readonly string[]; secondFactorAt: Date | null }) {
  return { aal: secondFactorAt === null ? 1 : 2, amr } as const;
}

function describeSession(row: Session, currentId: string) {
  return {
    id: row.id,
    current: row.id === currentId,
    ...describeLevel(row),
    created_at: row.createdAt.toISOString(),
    last_seen_at: row.lastSeenAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
    client_address: row.clientAddress,
    user_agent: row.userAgent,
  };
}
