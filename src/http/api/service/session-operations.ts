import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import {
  endUserSessions,
  listUserSessions,
  type SessionList,
} from "../../../domain/service-api/service-sessions.ts";
import { defineOperation } from "../define-operation.ts";
import { defineDataResponse } from "../success-response.ts";
import { timestampSchema } from "./service-schemas.ts";

const tag = "Sessions";
const session = lazy(() =>
  z
    .object({
      id: z.string(),
      aal: z.int(),
      amr: z.array(z.string()),
      created_at: timestampSchema(),
      last_seen_at: timestampSchema(),
      expires_at: timestampSchema(),
      client_address: z.nullable(z.string()),
      user_agent: z.nullable(z.string()),
    })
    .register(z.globalRegistry, { id: "Session" }),
);
const endedResponse = defineDataResponse({
  data: () => z.object({ ended: z.literal(true) }),
  example: { ended: true },
  present: () => ({ ended: true }) as const,
});

/** The operations on a user's sessions: `/v1/users/{id}/sessions`. */
export const userSessionOperations = [
  defineOperation({
    id: "listUserSessions",
    method: "get",
    path: "/v1/users/:id/sessions",
    tag,
    summary: "List the open sessions of a user, the most recently used first",
    access: "users:read",
    response: defineDataResponse({
      data: () => z.object({ sessions: z.array(session()) }),
      example: { sessions: [] },
      present: ({ sessions }: SessionList) => ({
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
    failures: ["no_such_user"],
    run: (c, { call }) => listUserSessions(c.var.deps, call),
  }),
  defineOperation({
    id: "endUserSessions",
    method: "delete",
    path: "/v1/users/:id/sessions",
    tag,
    summary: "Sign a user out everywhere",
    access: "users:write",
    response: endedResponse,
    failures: ["export_key_required", "no_such_user"],
    run: (c, { call }) => endUserSessions(c.var.deps, call, null),
  }),
  defineOperation({
    id: "endUserSession",
    method: "delete",
    path: "/v1/users/:id/sessions/:session",
    tag,
    summary: "End one session of a user",
    access: "users:write",
    response: endedResponse,
    failures: ["export_key_required", "no_such_user", "no_such_session"],
    run: (c, { call, param }) => endUserSessions(c.var.deps, call, param("session")),
  }),
] as const;
