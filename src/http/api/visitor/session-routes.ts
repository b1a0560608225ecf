import * as z from "zod/mini";
import { authenticatedAt } from "../../../domain/access/access.ts";
import {
  listSessions,
  logOut,
  recheckSession,
  revokeOtherSessions,
  revokeSession,
} from "../../../domain/sessions/sessions.ts";
import type { Session } from "../../../store/sessions/session-rows.ts";
import { findAllSessions, getCaller } from "../../caller.ts";
import { clearCookies, setSessionCookie } from "../../cookies.ts";
import { readJson } from "../../json-body.ts";
import { refuse } from "../../problem/refusal.tsx";
import { nothing } from "../fields.ts";
import type { Operation } from "../operation.ts";
import { done, givesCookie, type ResponseOf, succeeded } from "./success.ts";

const tag = "Own sessions";
const takesCookies = { "Set-Cookie": "The session's cookies, taken back" };
const time = z.iso.datetime;
const level = () => ({ aal: z.literal([1, 2]), amr: z.array(z.string()) });
const whoAmI = () =>
  succeeded({
    data: z.object({
      user: z.object({ id: z.string(), username: z.string(), email: z.nullable(z.string()) }),
      ...level(),
      auth_time: time(),
      expires_at: time(),
    }),
  });
const session = () =>
  z.object({
    id: z.string(),
    current: z.boolean(),
    ...level(),
    created_at: time(),
    last_seen_at: time(),
    expires_at: time(),
    client_address: z.nullable(z.string()),
    user_agent: z.nullable(z.string()),
  });
const list = () => succeeded({ data: z.object({ sessions: z.array(session()) }) });
const ended = () => succeeded({ data: z.object({ ended: z.int() }) });
const signedOut = () => succeeded({ message: z.string() });

const exampleLevel: { aal: 2; amr: string[] } = { aal: 2, amr: ["pwd", "otp"] };
const [morning, evening] = ["2026-11-22T09:30:00.000Z", "2026-11-22T21:30:00.000Z"];

/** Who am I, where else am I, and out: `/session`, `/sessions`, `/logout`. */
export const sessionOperations: readonly Operation[] = [
  {
    id: "getOwnSession",
    method: "get",
    path: "/session",
    tag,
    summary: "Who am I?",
    access: "session",
    successes: done(
      whoAmI,
      {
        status: "success",
        data: {
          user: { id: "3f0c6a52-9c1f-4a39-8f55-1d2f7c0f7a11", username: "ada", email: null },
          ...exampleLevel,
          auth_time: morning,
          expires_at: evening,
        },
      },
      givesCookie,
    ),
    failures: ["session_over"],
    handle: async (c) => {
      const { session, carrier } = await getCaller(c);
      const checked = await recheckSession(c.var.deps, session, c.var.now);
      if (checked === null) return refuse(c, { ok: false, reason: "session_over" });
      if (carrier === "cookie") setSessionCookie(c, checked);
      const { session: current } = checked;
      const data = {
        user: { id: current.userId, username: current.username, email: current.email },
        ...describeLevel(current),
        auth_time: authenticatedAt(current).toISOString(),
        expires_at: current.expiresAt.toISOString(),
      };
      return c.json({ status: "success", data } satisfies ResponseOf<typeof whoAmI>);
    },
  },
  {
    id: "logout",
    method: "post",
    path: "/logout",
    tag,
    summary: "Sign out: end the session, or the pending one",
    access: "session",
    successes: done(signedOut, { status: "success", message: "Signed out" }, takesCookies),
    failures: [],
    handle: async (c) => {
      await readJson(c, nothing());
      const sessions = await findAllSessions(c);
      if (sessions.length === 0) return refuse(c, { ok: false, reason: "unauthenticated" });
      for (const session of sessions) await logOut(c.var.deps, session, c.var.client, c.var.now);
      clearCookies(c);
      return c.json({ status: "success", message: "Signed out" } satisfies ResponseOf<typeof signedOut>);
    },
  },
  {
    id: "listOwnSessions",
    method: "get",
    path: "/sessions",
    tag,
    summary: "Where am I signed in? The last seen first",
    access: "session",
    successes: done(list, {
      status: "success",
      data: {
        sessions: [
          {
            id: "Zm9vYmFyYmF6cXV4",
            current: true,
            ...exampleLevel,
            created_at: morning,
            last_seen_at: morning,
            expires_at: evening,
            client_address: "198.51.100.7",
            user_agent: null,
          },
        ],
      },
    }),
    failures: ["session_over"],
    handle: async (c) => {
      const { session } = await getCaller(c);
      const listed = await listSessions(c.var.deps, session, c.var.now);
      if (!listed.ok) return refuse(c, listed);
      const sessions = listed.sessions.map((row) => describeSession(row, session.id));
      return c.json({ status: "success", data: { sessions } } satisfies ResponseOf<typeof list>);
    },
  },
  {
    id: "endSessionOfUser",
    method: "delete",
    path: "/sessions/:id",
    tag,
    summary: "End one of my sessions",
    access: "session",
    successes: done(ended, { status: "success", data: { ended: 1 } }, takesCookies),
    failures: ["session_over", "no_such_session"],
    handle: async (c) => {
      const { session } = await getCaller(c);
      await readJson(c, nothing());
      const id = c.req.param("id") ?? "";
      const revoked = await revokeSession(c.var.deps, session, id, c.var.client, c.var.now);
      if (!revoked.ok) return refuse(c, revoked);
      if (id === session.id) clearCookies(c);
      return c.json({ status: "success", data: { ended: 1 } } satisfies ResponseOf<typeof ended>);
    },
  },
  {
    id: "endOtherOwnSessions",
    method: "delete",
    path: "/sessions",
    tag,
    summary: "End all of my other sessions",
    access: "session",
    successes: done(ended, { status: "success", data: { ended: 3 } }),
    failures: ["session_over"],
    handle: async (c) => {
      const { session } = await getCaller(c);
      await readJson(c, nothing());
      const revoked = await revokeOtherSessions(c.var.deps, session, c.var.client, c.var.now);
      if (!revoked.ok) return refuse(c, revoked);
      return c.json({ status: "success", data: { ended: revoked.ended } } satisfies ResponseOf<typeof ended>);
    },
  },
];

function describeLevel({ amr, secondFactorAt }: { amr: readonly string[]; secondFactorAt: Date | null }) {
  return { aal: secondFactorAt === null ? (1 as const) : (2 as const), amr: [...amr] };
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
