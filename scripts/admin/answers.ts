import * as z from "zod/mini";
import { Unreachable } from "./failure.ts";

/*
 * The members of responses that are shown as text. Schemas keep other members for `--json`, so that an older program
 * prints the members that a newer server adds.
 */

const nullableText = z.nullable(z.string());

const userShape = {
  id: z.string(),
  realm: z.string(),
  username: z.string(),
  email: nullableText,
  totp_enabled: z.boolean(),
  totp_setup_at: nullableText,
  created_at: z.string(),
  disabled_at: nullableText,
};

export const user = z.looseObject(userShape);
export type User = z.output<typeof user>;

export const userStatus = z.looseObject({
  ...userShape,
  backup_codes_remaining: z.number(),
  blocked_until: nullableText,
  second_factor_disabled: z.boolean(),
  enrolment_expires_at: nullableText,
  password: z.string(),
});
export type UserStatus = z.output<typeof userStatus>;

export const userPage = z.looseObject({ users: z.array(user), next_cursor: nullableText });

const session = z.looseObject({
  id: z.string(),
  aal: z.number(),
  last_seen_at: z.string(),
  client_address: nullableText,
  user_agent: nullableText,
});
export type Session = z.output<typeof session>;

export const sessionList = z.looseObject({ sessions: z.array(session) });

export const apiKey = z.looseObject({
  id: z.string(),
  realm: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  created_at: z.string(),
  expires_at: nullableText,
  last_used_at: nullableText,
  revoked_at: nullableText,
});
export type ApiKey = z.output<typeof apiKey>;

export const createdApiKey = z.extend(apiKey, { key: z.string() });
export const apiKeyPage = z.looseObject({ api_keys: z.array(apiKey), next_cursor: nullableText });

export const event = z.looseObject({
  at: z.string(),
  type: z.string(),
  user: nullableText,
  actor: nullableText,
  client_address: nullableText,
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type Event = z.output<typeof event>;

export const eventPage = z.looseObject({ events: z.array(event), next_cursor: nullableText });

export const health = z.record(z.string(), z.string());

/** Parses a response. Throws Unreachable for an unexpected form, which another version of the server may return. */
export function read<T extends z.ZodMiniType>(schema: T, answer: unknown): z.output<T> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Unreachable(
    `The server's response has an unknown form (${issue?.path.join(".") || "data"}).`,
    "Use the sallyport-admin of the deployed version.",
  );
}
