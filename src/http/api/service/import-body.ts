import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { splitLines } from "../../../core/parsing/lines.ts";
import type { ParsedLine } from "../../../domain/service-api/import.ts";
import { emailForm, type LineFailure, parseImportedUser } from "../../../domain/service-api/imported-user.ts";
import { parseFields, parseObject } from "../../json-body.ts";
import { FailureError } from "../../problem/http-failure.ts";
import { userId, username } from "../fields.ts";

/** What one request takes. Its work is bounded by the lines, its memory by the longest of them. */
const mostLines = 5000;
const mostBytes = 8 * 1024 * 1024;
const longestLineBytes = 16 * 1024;

const text = (longest: number) =>
  z.string("must be a string").check(z.minLength(1, "is empty"), z.maxLength(longest, "is too long"));
const count = () => z.int("must be a whole number").check(z.minimum(0, "must not be negative"));
const time = () =>
  z.pipe(
    z.iso.datetime("must be a time in RFC 3339, UTC"),
    z.transform((stamp) => new Date(stamp)),
  );
const may = z.optional;

/** One user, as a line of an import says it. */
export const importLine = lazy(() =>
  z.strictObject({
    id: may(userId()),
    username: may(username()),
    exact_name: may(text(1024)),
    email: may(
      z
        .string("must be a string")
        .check(z.regex(emailForm, "must have 1 to 320 characters, none of them a control character")),
    ),
    otpauth: may(text(2048)),
    secret: may(text(512)),
    allow_weak: may(z.boolean("must be true or false")),
    totp_setup_at: may(time()),
    totp_last_step: may(count()),
    password_hash: may(text(512)),
    backup_codes: may(
      z
        .array(text(80), "must be a list of codes or their hashes")
        .check(z.maxLength(50, "has more than 50 codes")),
    ),
    second_factor_failures: may(count().check(z.maximum(100, "must be at most 100"))),
    second_factor_blocked_until: may(time()),
    created_at: may(time()),
    disabled_at: may(time()),
  }),
);

/** Why no more lines come, although the body was not read to its end. */
class BodyEnded extends Error {
  override readonly name = "BodyEnded";
  constructor(readonly why: "too_large" | "cut_off") {
    super(why);
  }
}

/** The lines of an import's body, as they come in. */
export class ImportBody {
  /** How the lines ended, once they have. */
  ended: "whole" | BodyEnded["why"] = "whole";

  constructor(
    readonly request: Request,
    readonly now: Date,
    readonly firstLine: number,
  ) {}

  /** Reads them one by one. What stands behind the last newline of a body that was not read to its end is no line. */
  async *lines(): AsyncGenerator<ParsedLine, void, undefined> {
    let line = this.firstLine;
    try {
      for await (const bytes of splitLines(this.#chunks(), longestLineBytes)) {
        if (line - this.firstLine === mostLines) throw new BodyEnded("too_large");
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
    let left = mostBytes;
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
async function readEntry(bytes: Uint8Array | null, now: Date): Promise<ParsedLine["entry"]> {
  if (bytes === null) return malformed("The line is longer than 16 KiB.");
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return malformed("The line is not UTF-8.");
  }
  if (text.trim() === "") return null;
  try {
    // A null says as little as nothing, and databases write many of them.
    const said = Object.entries(parseObject(text)).filter(([, value]) => value !== null);
    return await parseImportedUser(toImportLine(parseFields(importLine(), Object.fromEntries(said))), now);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    // These two are all that reading a text can come to.
    return error.failure as LineFailure;
  }
}

const malformed = (detail: string) => ({ ok: false, reason: "malformed_request", detail }) as const;

const toImportLine = (line: z.output<ReturnType<typeof importLine>>) => ({
  id: line.id,
  username: line.username,
  exactName: line.exact_name,
  email: line.email,
  otpauth: line.otpauth,
  secret: line.secret,
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
