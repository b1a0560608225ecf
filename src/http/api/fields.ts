import * as z from "zod/mini";
import { lazy } from "../../core/lib/lazy.ts";
import { parseSubmittedCode } from "../../core/parsing/code-input.ts";
import { parseTimestamp } from "../../core/parsing/timestamp.ts";
import { backendUserIdPattern } from "../../core/parsing/user-id.ts";
import { canonicalizeUsername } from "../../core/parsing/username.ts";
import { inputJsonSchemaRegistry } from "./input-json-schemas.ts";

/** The schema of a user name in any spelling. It turns the name into its canonical form. */
export const usernameSchema = lazy(() =>
  z
    .pipe(
      z.string("must be a string").check(z.maxLength(1024, "is too long")),
      z.transform((text, context) => {
        const name = canonicalizeUsername(text);
        if (name !== null) return name;
        const message = "must have 1 to 256 characters, none of them a control character";
        context.issues.push({ code: "custom", message, input: text });
        return z.NEVER;
      }),
    )
    .register(inputJsonSchemaRegistry, {
      type: "string",
      minLength: 1,
      maxLength: 1024,
      description: "1 to 256 characters; case and width don't count",
    }),
);

/** A password, to compare or to set. The rules for new passwords are not checked here. */
export const passwordSchema = () =>
  z.string("must be a string").check(z.minLength(1, "is empty"), z.maxLength(4096, "is too long"));

/** A TOTP or backup code. Input in neither form is invalid, and costs no attempt. */
export const totpOrBackupCodeSchema = lazy(() =>
  z
    .pipe(
      z.string("must be a string"),
      z.transform((text, context) => {
        const parsed = parseSubmittedCode(text);
        if (parsed !== null) return parsed;
        const message = "must be a 6-digit code or an 8-character backup code";
        context.issues.push({ code: "custom", message, input: text });
        return z.NEVER;
      }),
    )
    .register(inputJsonSchemaRegistry, {
      type: "string",
      minLength: 6,
      maxLength: 64,
      description: "Six digits, or a backup code",
    }),
);

/** A code of an authenticator app; a backup code is invalid. */
export const totpCodeSchema = lazy(() =>
  totpOrBackupCodeSchema()
    .check(z.refine(({ kind }) => kind === "totp", "must be a 6-digit code"))
    .register(inputJsonSchemaRegistry, {
      type: "string",
      minLength: 6,
      maxLength: 64,
      description: "Six digits",
    }),
);

export const emailSchema = () => z.email("must be an e-mail address").check(z.maxLength(254, "is too long"));

/** The schema of a session token. It limits the length only; a token that Sallyport issues is much shorter than the limit. */
export const sessionTokenSchema = () =>
  z.string("must be a string").check(z.minLength(1, "is empty"), z.maxLength(4096, "is too long"));

/** A user's id, as the service client knows the user. */
export const userIdSchema = lazy(() =>
  z
    .string("must be a string")
    .check(z.regex(backendUserIdPattern, "must have 1 to 128 visible ASCII characters")),
);

/** A text of the service client for the receipt: `action` or `nonce`. */
export const receiptActionOrNonceSchema = () =>
  z
    .string("must be a string")
    .check(z.regex(/^[^\p{C}]{1,256}$/u, "must have 1 to 256 characters, none of them a control character"));

/** The address of the user's browser, for the audit event. */
export const auditEventIpAddressSchema = () =>
  z.union([z.ipv4(), z.ipv6()], "must be an IPv4 or IPv6 address");

/** A time that a client sends, in any form of RFC 3339. The output is a `Date`. */
export const timestampInputSchema = () =>
  z.pipe(
    z.stringFormat(
      "datetime",
      (text) => parseTimestamp(text) !== null,
      "must be a time in RFC 3339, such as 2026-11-22T09:30:00Z",
    ),
    z.transform((text) => parseTimestamp(text) ?? z.NEVER),
  );

/** A body or query without fields. */
export const noFieldsSchema = lazy(() => z.strictObject({}));
