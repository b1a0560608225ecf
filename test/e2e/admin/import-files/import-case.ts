import { randomBytes } from "node:crypto";
import { base32nopad } from "@scure/base";
import type { LeftOutReason } from "../../../../scripts/admin/import-judge.ts";

/** A file, and what its import has to bring. */
export interface ImportCase {
  /** Also the realm. */
  readonly name: string;
  /** The format that has to be recognised. */
  readonly format: string;
  readonly content: string | Buffer;
  readonly password?: string;
  readonly args?: readonly string[];
  /** The secrets in base32 by user name. Every one of them is verified with a code. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Accounts that come in without a second factor. */
  readonly withoutFactor?: readonly string[];
  /** The names and reasons of the entries that are left out, in the order of the file. */
  readonly leftOut: ReadonlyArray<readonly [username: string | null, reason: LeftOutReason]>;
}

/** A random secret of 160 bits. */
export function newSecret(): { bytes: Buffer; base32: string } {
  const bytes = randomBytes(20);
  return { bytes, base32: base32nopad.encode(bytes) };
}

export const secretOf = (): string => newSecret().base32;
