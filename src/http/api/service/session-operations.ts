import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import {
  endUserSessions,
  listUserSessions,
  type SessionList,
} from "../../../domain/service-api/service-sessions.ts";
import { serviceOperation } from "./service-operation.ts";
import { time } from "./service-schemas.ts";

const tag = "Sessions";
const session = lazy(() =>
  z
    .object({
      id: z.string(),
      aal: z.int(),
      amr: z.array(z.string()),
      created_at: time(),
      last_seen_at: time(),
      expires_at: time(),
      client_address: z.nullable(z.string()),
      user_agent: z.nullable(z.string()),
    })
    .register(z.globalRegistry, { id: "Session" }),
);
const ended = () => z.object({ ended: z.literal(true) });

export const sessionOperations = [
  serviceOperation<SessionList>()({
    id: "listUserSessions",
    method: "get",
    path: "/v1/users/:id/sessions",
    tag,
    summary: "List the living sessions of a user, the last seen first",
    scope: "users:read",
    data: () => z.object({ sessions: z.array(session()) }),
    example: { sessions: [] },
    failures: ["no_such_user"],
    act: (c, call) => listUserSessions(c.var.deps, call),
    present: ({ sessions }) => ({
      sessions: sessions.map((row) => ({
        id: row.id,
        aal: row.secondFactorAt === null ? 1 : 2,
        amr: [...row.amr],
        created_at: row.createdAt.toISOString(),
        last_seen_at: row.lastSeenAt.toISOString(),
        expires_at: row.expiresAt.toISOString(),
        client_address: row.clientAddress,
        user_agent: row.userAgent,
      })),
    }),
  }),
  serviceOperation<{ readonly ok: true }>()({
    id: "endUserSessions",
    method: "delete",
    path: "/v1/users/:id/sessions",
    tag,
    summary: "Sign a user out everywhere",
    scope: "users:write",
    data: ended,
    example: { ended: true },
    failures: ["export_key_required", "no_such_user"],
    act: (c, call) => endUserSessions(c.var.deps, call, null),
    present: () => ({ ended: true }) as const,
  }),
  serviceOperation<{ readonly ok: true }>()({
    id: "endUserSession",
    method: "delete",
    path: "/v1/users/:id/sessions/:session",
    tag,
    summary: "End one session of a user",
    scope: "users:write",
    data: ended,
    example: { ended: true },
    failures: ["export_key_required", "no_such_user", "no_such_session"],
    act: (c, call, { param }) => endUserSessions(c.var.deps, call, param("session")),
    present: () => ({ ended: true }) as const,
  }),
] as const;
