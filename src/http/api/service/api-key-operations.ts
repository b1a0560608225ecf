import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { formatApiKeyPrefix } from "../../../core/tokens/api-key.ts";
import {
  type CreatedApiKey,
  createApiKey,
  listApiKeys,
  type RevokedApiKey,
  revokeApiKey,
} from "../../../domain/service-api/api-keys.ts";
import { type ApiKeyScope, apiKeyScopes } from "../../../domain/service-api/service-caller.ts";
import type { ApiKey } from "../../../store/service/api-key-rows.ts";
import { defineOperation } from "../define-operation.ts";
import { timestampInputSchema } from "../fields.ts";
import { defineDataResponse } from "../success-response.ts";
import {
  cursorSchema,
  encodeNextPageCursor,
  pageLimitSchema,
  timestampSchema,
  toIsoStringOrNull,
} from "./service-schemas.ts";

interface ApiKeyListResult {
  readonly ok: true;
  readonly keys: readonly ApiKey[];
  readonly limit: number;
}

const tag = "API keys";
const list = "api-keys";
const shape = () => ({
  id: z.string(),
  prefix: z.string(),
  realm: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  return_urls: z.array(z.string()),
  created_at: timestampSchema(),
  expires_at: z.nullable(timestampSchema()),
  last_used_at: z.nullable(timestampSchema()),
  revoked_at: z.nullable(timestampSchema()),
});
const apiKey = lazy(() => z.object(shape()).register(z.globalRegistry, { id: "ApiKey" }));
const example = {
  id: "ab2cdefghij3klmn",
  prefix: "sp_ab2cdefghij3klmn",
  realm: "shop",
  name: "checkout",
  scopes: ["users:read", "verify"],
  return_urls: ["https://shop.example/confirmed"],
  created_at: "2026-11-20T12:00:00.000Z",
  expires_at: null,
  last_used_at: null,
  revoked_at: null,
};

const describe = (row: ApiKey): z.input<ReturnType<typeof apiKey>> => ({
  id: row.id,
  prefix: formatApiKeyPrefix(row.id),
  realm: row.realm,
  name: row.name,
  scopes: row.scopes,
  return_urls: row.returnUrls,
  created_at: row.createdAt.toISOString(),
  expires_at: toIsoStringOrNull(row.expiresAt),
  last_used_at: toIsoStringOrNull(row.lastUsedAt),
  revoked_at: toIsoStringOrNull(row.revokedAt),
});

/** A prefix of allowed return addresses: an origin and a path. */
const returnUrl = () =>
  z.string("must be a string").check(
    z.maxLength(1024),
    z.refine((text: string) => {
      const url = URL.parse(text);
      if (url === null || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
        return false;
      return (
        url.protocol === "https:" ||
        (url.protocol === "http:" && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname))
      );
    }, "must be an https address without a query (http for localhost only)"),
  );

const createBody = () =>
  z.strictObject({
    name: z
      .string("must be a string")
      .check(z.regex(/^[^\p{C}]{1,64}$/u, "must have 1 to 64 characters, none of them a control character")),
    scopes: z
      .array(z.enum(apiKeyScopes, `must be one of ${apiKeyScopes.join(", ")}`), "must be a list of scopes")
      .check(z.minLength(1, "must not be empty"), z.maxLength(apiKeyScopes.length, "has one twice")),
    expires_at: z.optional(timestampInputSchema()),
    return_urls: z.optional(z.array(returnUrl()).check(z.maxLength(20, "has more than 20 addresses"))),
  });

/** The operations on the API keys of a realm: `/v1/api-keys`. */
export const apiKeyOperations = [
  defineOperation({
    id: "listApiKeys",
    method: "get",
    path: "/v1/api-keys",
    tag,
    summary: "List the API keys of the realm, including those that are expired or revoked",
    access: "admin",
    query: () => z.strictObject({ cursor: cursorSchema(list), limit: pageLimitSchema() }),
    response: defineDataResponse({
      data: () => z.object({ api_keys: z.array(apiKey()), next_cursor: z.nullable(z.string()) }),
      example: { api_keys: [example], next_cursor: null },
      present: ({ keys, limit }: ApiKeyListResult) => ({
        api_keys: keys.map(describe),
        next_cursor: encodeNextPageCursor(list, keys, limit, (last) => last.id),
      }),
    }),
    run: async (c, { call, query }) => {
      const page = { afterId: query.cursor ?? "", limit: query.limit };
      return { ok: true, keys: await listApiKeys(c.var.deps, call, page), limit: query.limit };
    },
  }),
  defineOperation({
    id: "createApiKey",
    method: "post",
    path: "/v1/api-keys",
    tag,
    summary: "Create an API key for the realm. Only this response contains it",
    description:
      "Two keys with the same name can be valid at the same time, so that you can replace a key without a gap. Create the first key of a realm with ADMIN_KEY and ?realm=.",
    access: "admin",
    body: createBody,
    bodyExample: { name: "checkout", scopes: ["users:read", "verify"] },
    response: defineDataResponse({
      data: () => z.object({ ...shape(), key: z.string() }),
      example: { ...example, key: "sp_ab2cdefghij3klmn_…" },
      status: 201,
      present: ({ apiKey: row, key }: CreatedApiKey) => ({ ...describe(row), key }),
    }),
    failures: ["too_many_api_keys"],
    run: async (c, { call, caller, body }) => {
      const { name, scopes: wanted, return_urls: returnUrls, expires_at: expiresAt = null } = body;
      const missing = wanted.find((scope: ApiKeyScope) => !caller.scopes.includes(scope));
      if (missing !== undefined) return { ok: false, reason: "scope_missing", scope: missing };
      if (expiresAt !== null && expiresAt <= call.now)
        return { ok: false, reason: "invalid_format", detail: "expires_at: is in the past" };
      return createApiKey(c.var.deps, call, {
        name,
        scopes: [...new Set(wanted)],
        returnUrls: returnUrls ?? [],
        expiresAt,
      });
    },
  }),
  defineOperation({
    id: "revokeApiKey",
    method: "delete",
    path: "/v1/api-keys/:key",
    tag,
    summary: "Revoke an API key. It takes effect everywhere within a minute",
    access: "admin",
    response: defineDataResponse({
      data: apiKey,
      example: { ...example, revoked_at: "2026-11-22T09:30:00.000Z" },
      present: ({ apiKey: row }: RevokedApiKey) => describe(row),
    }),
    failures: ["no_such_api_key"],
    run: (c, { call, param }) => revokeApiKey(c.var.deps, call, param("key")),
  }),
] as const;
