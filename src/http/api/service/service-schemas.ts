import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { toBackendUserId } from "../../../core/parsing/user-id.ts";
import { encodeCursor, parseCursor } from "../../../core/tokens/cursor.ts";
import type { UserStatus } from "../../../domain/service-api/users.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { inputJsonSchemaRegistry } from "../input-json-schemas.ts";

/** For the OpenAPI document: the rate-limit headers of an import or export. */
export const rateLimitHeaderDescriptions: Readonly<Record<string, string>> = {
  RateLimit: "How many more of these requests are allowed, and when the limit grows again",
  "RateLimit-Policy": "How many of these requests are allowed",
};

/** The schema of a time: RFC 3339, UTC. */
export const timestampSchema = () => z.iso.datetime();

/** Formats a time as RFC 3339 in UTC. */
export const toIsoStringOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;

const maxPageLength = 200;

/** The number of entries on a page of a list. */
export const pageLimitSchema = lazy(() =>
  z
    ._default(
      z.pipe(
        z.string().check(z.regex(/^[1-9][0-9]{0,2}$/, `must be a number from 1 to ${maxPageLength}`)),
        z.pipe(
          z.transform(Number),
          z.number().check(z.maximum(maxPageLength, `must be at most ${maxPageLength}`)),
        ),
      ),
      50,
    )
    .register(inputJsonSchemaRegistry, {
      type: "integer",
      minimum: 1,
      maximum: maxPageLength,
      default: 50,
      description: "Entries on a page",
    }),
);

/** A cursor of the list `kind`. The output is the position in the list, which must match `form`. */
export const cursorSchema = (kind: string, form = /^/) =>
  z.optional(
    z.pipe(
      z.string().check(z.maxLength(2048)),
      z.transform((text, context) => {
        const position = parseCursor(kind, text);
        if (position !== null && form.test(position)) return position;
        context.issues.push({ code: "custom", message: "is not one that this list has given", input: text });
        return z.NEVER;
      }),
    ),
  );

/** Returns the cursor for the next page. Null: this page is not full, so there is none. */
export const encodeNextPageCursor = <T>(
  kind: string,
  entries: readonly T[],
  limitOfPage: number,
  position: (last: T) => string | number,
): string | null => {
  const last = entries.at(-1);
  return last === undefined || entries.length < limitOfPage
    ? null
    : encodeCursor(kind, String(position(last)));
};

const userShape = () => ({
  id: z.string(),
  realm: z.string(),
  username: z.string(),
  email: z.nullable(z.string()),
  totp_enabled: z.boolean(),
  totp_setup_at: z.nullable(timestampSchema()),
  created_at: timestampSchema(),
  updated_at: timestampSchema(),
  disabled_at: z.nullable(timestampSchema()),
});

/** An account, without secrets. */
export const userSchema = lazy(() => z.object(userShape()).register(z.globalRegistry, { id: "User" }));

/** An account, and the state of its second factor and password. */
export const userWithStatusSchema = lazy(() =>
  z
    .object({
      ...userShape(),
      backup_codes_remaining: z.int(),
      blocked_until: z.nullable(timestampSchema()),
      second_factor_disabled: z.boolean(),
      enrolment_expires_at: z.nullable(timestampSchema()),
      password: z.enum(["none", "set", "reset_required"]),
    })
    .register(z.globalRegistry, { id: "UserStatus" }),
);

/** Returns the JSON form of a user, as the responses of the service API have it. */
export function toUserBody(row: User): z.input<ReturnType<typeof userSchema>> {
  return {
    id: toBackendUserId(row.realm, row.id),
    realm: row.realm,
    username: row.username,
    email: row.email,
    totp_enabled: row.totpEnabled,
    totp_setup_at: toIsoStringOrNull(row.totpSetupAt),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    disabled_at: toIsoStringOrNull(row.disabledAt),
  };
}

/** Returns the JSON form of a user with the state of its second factor and its password. */
export function toUserWithStatusBody(status: UserStatus): z.input<ReturnType<typeof userWithStatusSchema>> {
  return {
    ...toUserBody(status.user),
    backup_codes_remaining: status.backupCodesRemaining,
    blocked_until: toIsoStringOrNull(status.blockedUntil),
    second_factor_disabled: status.secondFactorDisabled,
    enrolment_expires_at: toIsoStringOrNull(status.user.totpPendingExpiresAt),
    password: status.password,
  };
}

export const exampleUser = {
  id: "42",
  realm: "shop",
  username: "ada",
  email: "ada@example.com",
  totp_enabled: true,
  totp_setup_at: "2026-11-22T09:30:00.000Z",
  created_at: "2026-11-20T12:00:00.000Z",
  updated_at: "2026-11-22T09:30:00.000Z",
  disabled_at: null,
} as const;

export const exampleUserWithStatus = {
  ...exampleUser,
  backup_codes_remaining: 9,
  blocked_until: null,
  second_factor_disabled: false,
  enrolment_expires_at: null,
  password: "none",
} as const;
