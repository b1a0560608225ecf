import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { splitStreamIntoByteLines } from "../../../core/parsing/lines.ts";
import type { ParsedImportLine } from "../../../domain/service-api/import.ts";
import {
  type ImportLineFailure,
  importedEmailPattern,
  parseImportedUser,
} from "../../../domain/service-api/imported-user.ts";
import { parseJsonObjectOrThrow, validateFieldsOrThrow } from "../../json-body.ts";
import { FailureError } from "../../problem/http-failure.ts";
import { timestampInputSchema, userIdSchema, usernameSchema } from "../fields.ts";

/** Limits of one request. The lines bound its work, the longest line its memory. */
const maxLines = 5000;
const maxBytes = 8 * 1024 * 1024;
const maxLineBytes = 16 * 1024;

const text = (maxLength: number) =>
  z.string("must be a string").check(z.minLength(1, "is empty"), z.maxLength(maxLength, "is too long"));
const count = () => z.int("must be a whole number").check(z.minimum(0, "must not be negative"));
/** A number that some systems export as text. `describeUnsupportedTotpParameters` parses the text. */
const numberOrText = () =>
  z.union([z.int(), z.string().check(z.maxLength(32))], "must be a whole number, or its text");

/** A line of an import: one user. */
export const importLineSchema = lazy(() =>
  z.strictObject({
    id: z.optional(userIdSchema()),
    username: z.optional(usernameSchema()),
    exact_name: z.optional(text(1024)),
    email: z.optional(
      z
        .string("must be a string")
        .check(
          z.regex(importedEmailPattern, "must have 1 to 320 characters, none of them a control character"),
        ),
    ),
    otpauth: z.optional(text(4096)),
    secret: z.optional(text(512)),
    algorithm: z.optional(z.string("must be a string").check(z.maxLength(64, "is too long"))),
    digits: z.optional(numberOrText()),
    period: z.optional(numberOrText()),
    allow_weak: z.optional(z.boolean("must be true or false")),
    totp_setup_at: z.optional(timestampInputSchema()),
    totp_last_step: z.optional(count()),
    password_hash: z.optional(text(512)),
    backup_codes: z.optional(
      z
        .array(text(80), "must be a list of codes or their hashes")
        .check(z.maxLength(50, "has more than 50 codes")),
    ),
    second_factor_failures: z.optional(count().check(z.maximum(100, "must be at most 100"))),
    second_factor_blocked_until: z.optional(timestampInputSchema()),
    created_at: z.optional(timestampInputSchema()),
    disabled_at: z.optional(timestampInputSchema()),
  }),
);

/** Thrown to end the lines before the end of the body. */
class BodyEnded extends Error {
  override readonly name = "BodyEnded";
  constructor(readonly why: "too_large" | "cut_off") {
    super(why);
  }
}

/** The lines of an import's body, read as a stream. */
export class ImportBody {
  /** How the lines ended. Only valid after the last line. */
  ended: "whole" | BodyEnded["why"] = "whole";

  constructor(
    readonly request: Request,
    readonly now: Date,
    readonly firstLine: number,
  ) {}

  /**
   * Reads the lines one by one. When the body is too large or is cut off, the lines end early and without an error, and
   * `ended` says why. The text after the last newline is then left out, because it may be only a part of a line.
   */
  async *lines(): AsyncGenerator<ParsedImportLine, void, undefined> {
    let line = this.firstLine;
    try {
      for await (const bytes of splitStreamIntoByteLines(this.#chunks(), maxLineBytes)) {
        if (line - this.firstLine === maxLines) throw new BodyEnded("too_large");
        yield { line, bytes: bytes?.length ?? 0, entry: await readEntry(bytes, this.now) };
        line += 1;
      }
    } catch (error) {
      if (!(error instanceof BodyEnded)) throw error;
      this.ended = error.why;
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const { body, headers } = this.request;
    let left = maxBytes;
    if (Number(headers.get("Content-Length") ?? 0) > left) throw new BodyEnded("too_large");
    if (body === null) return;
    const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read().catch(() => {
          throw new BodyEnded("cut_off");
        });
        if (done) return;
        left -= value.length;
        if (left < 0) throw new BodyEnded("too_large");
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** @param bytes null: the line is too long */
async function readEntry(bytes: Uint8Array | null, now: Date): Promise<ParsedImportLine["entry"]> {
  if (bytes === null) return malformed("The line is longer than 16 KiB.");
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return malformed("The line is not UTF-8.");
  }
  if (text.trim() === "") return null;
  try {
    // A null counts as an absent field: exports of databases contain many.
    const fields = Object.entries(parseJsonObjectOrThrow(text)).filter(([, value]) => value !== null);
    return await parseImportedUser(
      toImportLine(validateFieldsOrThrow(importLineSchema(), Object.fromEntries(fields))),
      now,
    );
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    // parseJsonObjectOrThrow and validateFieldsOrThrow have no other failures.
    return error.failure as ImportLineFailure;
  }
}

const malformed = (detail: string) => ({ ok: false, reason: "malformed_request", detail }) as const;

const toImportLine = (line: z.output<ReturnType<typeof importLineSchema>>) => ({
  id: line.id,
  username: line.username,
  exactName: line.exact_name,
  email: line.email,
  otpauth: line.otpauth,
  secret: line.secret,
  algorithm: line.algorithm,
  digits: line.digits,
  period: line.period,
  allowWeak: line.allow_weak,
  totpSetupAt: line.totp_setup_at,
  totpLastStep: line.totp_last_step,
  passwordHash: line.password_hash,
  backupCodes: line.backup_codes,
  secondFactorFailures: line.second_factor_failures,
  secondFactorBlockedUntil: line.second_factor_blocked_until,
  createdAt: line.created_at,
  disabledAt: line.disabled_at,
});
