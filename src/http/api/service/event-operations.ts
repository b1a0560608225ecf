import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { toBackendUserId } from "../../../core/parsing/user-id.ts";
import { encodeCursor } from "../../../core/tokens/cursor.ts";
import { listEvents } from "../../../domain/service-api/events.ts";
import type { StoredEvent } from "../../../store/service/event-pages.ts";
import { defineOperation } from "../define-operation.ts";
import { userIdSchema } from "../fields.ts";
import { defineDataResponse } from "../success-response.ts";
import { cursorSchema, pageLimitSchema, timestampSchema } from "./service-schemas.ts";

interface EventListResult {
  readonly ok: true;
  readonly realm: string;
  readonly events: readonly StoredEvent[];
  readonly nextPosition: number | null;
}

const list = "events";
const event = lazy(() =>
  z
    .object({
      id: z.string(),
      at: timestampSchema(),
      type: z.string(),
      user: z.nullable(z.string()),
      session: z.nullable(z.string()),
      actor: z.nullable(z.string()),
      client_address: z.nullable(z.string()),
      user_agent: z.nullable(z.string()),
      request_id: z.nullable(z.string()),
      detail: z.catchall(z.object({}), z.union([z.string(), z.number(), z.boolean()])),
    })
    .register(z.globalRegistry, { id: "Event" }),
);

/** The operation that lists audit events: `/v1/events`. */
export const eventOperations = [
  defineOperation({
    id: "listEvents",
    method: "get",
    path: "/v1/events",
    tag: "Events",
    summary: "List the audit events of the realm",
    description:
      "In the order in which the events were written. With order=asc the last page has a next_cursor too, so that a client that polls with it misses no event.",
    access: "users:read",
    query: () =>
      z.strictObject({
        cursor: cursorSchema(list, /^\d{1,15}$/),
        limit: pageLimitSchema(),
        user: z.optional(userIdSchema()),
        type: z.optional(z.string().check(z.maxLength(64))),
        order: z._default(z.enum(["asc", "desc"], "must be asc or desc"), "asc"),
      }),
    response: defineDataResponse({
      data: () => z.object({ events: z.array(event()), next_cursor: z.nullable(z.string()) }),
      example: {
        events: [
          {
            id: "6f1b9c1e-3f0a-4a39-9d0b-1d2f7c0f7a11",
            at: "2026-11-22T09:30:00.000Z",
            type: "second_factor.accepted",
            user: "42",
            session: null,
            actor: "api_key:ab2cdefghij3klmn",
            client_address: "198.51.100.7",
            user_agent: null,
            request_id: "0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11",
            detail: { method: "totp" },
          },
        ],
        next_cursor: "ZXZlbnRzIDE3",
      },
      present: ({ realm, events, nextPosition }: EventListResult) => ({
        events: events.map((row) => ({
          id: row.id,
          at: row.at.toISOString(),
          type: row.type,
          user: row.userId === null ? null : toBackendUserId(realm, row.userId),
          session: row.sessionId,
          actor: row.actor,
          client_address: row.clientAddress,
          user_agent: row.userAgent,
          request_id: row.requestId,
          detail: row.detail ?? {},
        })),
        next_cursor: nextPosition === null ? null : encodeCursor(list, String(nextPosition)),
      }),
    }),
    run: async (c, { call, query }) => {
      const after = query.cursor === undefined ? null : Number(query.cursor);
      const newestFirst = query.order === "desc";
      const events = await listEvents(c.var.deps, call, {
        userId: query.user ?? null,
        type: query.type ?? null,
        newestFirst,
        after,
        limit: query.limit,
      });
      const last = events.at(-1)?.position ?? (newestFirst ? null : after);
      const ended = newestFirst && events.length < query.limit;
      return { ok: true, realm: call.realm, events, nextPosition: ended ? null : last };
    },
  }),
] as const;
