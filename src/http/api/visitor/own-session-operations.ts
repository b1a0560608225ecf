import * as z from "zod/mini";
import { authenticatedAt } from "../../../domain/access/access.ts";
import {
  type FullSession,
  listSessions,
  recheckSession,
  revokeOtherSessions,
  revokeSession,
  signOut,
} from "../../../domain/sessions/sessions.ts";
import type { Session } from "../../../store/sessions/session-rows.ts";
import { findFullAndPendingSessions } from "../../caller.ts";
import { clearHandOverCookie, clearSessionCookies, setSessionCookie } from "../../cookies.ts";
import { defineOperation } from "../define-operation.ts";
import type { Operation } from "../operation.ts";
import {
  bodySchemaWithSuccessStatus,
  defineDataResponse,
  defineJsonResponse,
  withSuccessStatus,
} from "../success-response.ts";
import { setCookieHeaderDescription } from "./visitor-schemas.ts";

const tag = "Own sessions";
const clearsCookies = { "Set-Cookie": "Removes the session's cookies" };
const time = z.iso.datetime;
const level = () => ({ aal: z.literal([1, 2]), amr: z.array(z.string()) });
const ownSession = () =>
  z.object({
    user: z.object({ id: z.string(), username: z.string(), email: z.nullable(z.string()) }),
    ...level(),
    auth_time: time(),
    expires_at: time(),
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
const exampleLevel: { aal: 2; amr: string[] } = { aal: 2, amr: ["pwd", "otp"] };
const [morning, evening] = ["2026-11-22T09:30:00.000Z", "2026-11-22T21:30:00.000Z"];

interface OwnSessionResult {
  readonly ok: true;
  readonly session: FullSession;
}

interface OwnSessionsResult {
  readonly ok: true;
  readonly sessions: readonly Session[];
  readonly currentId: string;
}

interface EndedSessionsResult {
  readonly ok: true;
  readonly ended: number;
}

/** The caller's sessions, and sign-out: `/session`, `/sessions`, `/logout`. */
export const ownSessionOperations: readonly Operation[] = [
  defineOperation({
    id: "getOwnSession",
    method: "get",
    path: "/session",
    tag,
    summary: "Get the own session and its user",
    access: "session",
    response: defineDataResponse({
      data: ownSession,
      example: {
        user: { id: "3f0c6a52-9c1f-4a39-8f55-1d2f7c0f7a11", username: "ada", email: null },
        ...exampleLevel,
        auth_time: morning,
        expires_at: evening,
      },
      headers: setCookieHeaderDescription,
      present: ({ session: current }: OwnSessionResult) => ({
        user: { id: current.userId, username: current.username, email: current.email },
        ...describeLevel(current),
        auth_time: authenticatedAt(current).toISOString(),
        expires_at: current.expiresAt.toISOString(),
      }),
    }),
    failures: ["session_over"],
    run: async (c, { session, carrier }) => {
      const checked = await recheckSession(c.var.deps, session, c.var.now);
      if (checked === null) return { ok: false, reason: "session_over" };
      if (carrier === "cookie") setSessionCookie(c, checked);
      return { ok: true, session: checked.session };
    },
  }),
  defineOperation({
    id: "logout",
    method: "post",
    path: "/logout",
    tag,
    summary: "Sign out: end the full or pending session",
    access: "any_session",
    response: defineJsonResponse({
      schema: () => bodySchemaWithSuccessStatus({ message: z.string() }),
      example: { status: "success", message: "Signed out" },
      headers: clearsCookies,
      present: () => withSuccessStatus({ message: "Signed out" }),
    }),
    run: async (c) => {
      clearHandOverCookie(c);
      const sessions = await findFullAndPendingSessions(c);
      if (sessions.length === 0) return { ok: false, reason: "unauthenticated" };
      for (const session of sessions) await signOut(c.var.deps, session, c.var.client, c.var.now);
      clearSessionCookies(c);
      return { ok: true };
    },
  }),
  defineOperation({
    id: "listOwnSessions",
    method: "get",
    path: "/sessions",
    tag,
    summary: "List the own sessions, the most recently used first",
    access: "session",
    response: defineDataResponse({
      data: () => z.object({ sessions: z.array(session()) }),
      example: {
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
      present: ({ sessions, currentId }: OwnSessionsResult) => ({
        sessions: sessions.map((row) => toSessionBody(row, currentId)),
      }),
    }),
    failures: ["session_over"],
    run: async (c, { session }) => {
      const listed = await listSessions(c.var.deps, session, c.var.now);
      return listed.ok ? { ...listed, currentId: session.id } : listed;
    },
  }),
  defineOperation({
    id: "endOwnSession",
    method: "delete",
    path: "/sessions/:id",
    tag,
    summary: "End one of the own sessions",
    access: "session",
    response: defineDataResponse({
      data: () => z.object({ ended: z.int() }),
      example: { ended: 1 },
      headers: clearsCookies,
      present: () => ({ ended: 1 }),
    }),
    failures: ["session_over", "no_such_session"],
    run: async (c, { session, param }) => {
      const id = param("id");
      const revoked = await revokeSession(c.var.deps, session, id, c.var.client, c.var.now);
      if (revoked.ok && id === session.id) clearSessionCookies(c);
      return revoked;
    },
  }),
  defineOperation({
    id: "endOtherOwnSessions",
    method: "delete",
    path: "/sessions",
    tag,
    summary: "End all other own sessions",
    access: "session",
    response: defineDataResponse({
      data: () => z.object({ ended: z.int() }),
      example: { ended: 3 },
      present: ({ ended }: EndedSessionsResult) => ({ ended }),
    }),
    failures: ["session_over"],
    run: (c, { session }) => revokeOtherSessions(c.var.deps, session, c.var.client, c.var.now),
  }),
];

function describeLevel({ amr, secondFactorAt }: { amr: readonly string[]; secondFactorAt: Date | null }) {
  return { aal: secondFactorAt === null ? (1 as const) : (2 as const), amr: [...amr] };
}

function toSessionBody(row: Session, currentId: string) {
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
