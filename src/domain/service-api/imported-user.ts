import {
  hashBackupCode,
  parseStoredBackupCode,
  splitStoredBackupCode,
} from "../../core/crypto/backup-code-hashes.ts";
import { parseBase32Secret } from "../../core/crypto/base32-secret.ts";
import { classifyImportedHash } from "../../core/crypto/imported-password.ts";
import { timeStep } from "../../core/crypto/totp.ts";
import { parseCodeInput } from "../../core/parsing/code-input.ts";
import { canonicalSubject, parseSubject } from "../../core/parsing/external-subject.ts";
import { parseKeyUri } from "../../core/parsing/otpauth.ts";
import { canonicalUsername } from "../../core/parsing/username.ts";
import type { Failure } from "../failure.ts";

/** A line of an import whose fields have the right form, one by one. Undefined: the line does not say. */
export interface ImportLine {
  readonly id?: string | undefined;
  /** Canonical: `core/parsing/username.ts`. */
  readonly username?: string | undefined;
  /** The name as an external source has it, for an account that has been claimed (`store/users/external-names.ts`). */
  readonly exactName?: string | undefined;
  readonly email?: string | undefined;
  readonly otpauth?: string | undefined;
  readonly secret?: string | undefined;
  readonly allowWeak?: boolean | undefined;
  readonly totpSetupAt?: Date | undefined;
  readonly totpLastStep?: number | undefined;
  readonly passwordHash?: string | undefined;
  readonly backupCodes?: readonly string[] | undefined;
  readonly secondFactorFailures?: number | undefined;
  readonly secondFactorBlockedUntil?: Date | undefined;
  readonly createdAt?: Date | undefined;
  readonly disabledAt?: Date | undefined;
}

/** An account that is to be there after an import. */
export interface ImportedUser extends Omit<ImportLine, "otpauth" | "allowWeak" | "exactName"> {
  /** Canonical, or exact: then `canonicalName` is set. */
  readonly username: string;
  readonly canonicalName: string | null;
  /** Canonical base32. */
  readonly secret: string | undefined;
  /** As they are stored. */
  readonly backupCodes: readonly string[] | undefined;
}

/** Why a line was not imported. `detail` never repeats what is in it. */
export type LineFailure =
  | Failure
  /** There is a user of this id or name, and it is not the one of the line. */
  | { readonly ok: false; readonly reason: "user_differs" }
  | { readonly ok: false; readonly reason: "invalid_format"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "malformed_request"; readonly detail?: string };

/** What is taken for an e-mail address: external sources have said what they like, and it is not judged here. */
export const emailForm = /^\P{C}{1,320}$/u;

/** OTP-05: below 128 bits the operator has to say that he knows. */
export const minSecretBytes = 16;
/** Below this, never. */
const fewestWeakSecretBytes = 10;
const mostSecretBytes = 128;

/** A code that was used in the future would lock its owner out until then; clocks may differ by this. */
const mostStepsAhead = 10;

/** Makes an account of a line, or says what is wrong with it. No I/O. */
export async function parseImportedUser(
  line: ImportLine,
  now: Date,
): Promise<{ readonly ok: true; readonly user: ImportedUser } | LineFailure> {
  const { otpauth, allowWeak, exactName, ...rest } = line;
  const uri = otpauth === undefined ? null : parseKeyUri(otpauth);
  if (uri?.ok === false) return { ...uri, detail: `otpauth: ${uri.detail}` };
  const name = readName(line, uri?.account);
  if (name.ok === false) return name;
  if (uri !== null && line.secret !== undefined) return invalid("secret: stands in otpauth, too");
  const secret = readSecret(uri?.secret ?? line.secret, allowWeak === true);
  if (secret?.ok === false) return secret;
  if (secret === null && (line.totpSetupAt ?? line.backupCodes) !== undefined)
    return invalid("secret: is missing, and there is no second factor without");
  const refusedHash = line.passwordHash === undefined ? null : refuseHash(line.passwordHash);
  if (refusedHash !== null) return refusedHash;
  if (line.totpLastStep !== undefined && line.totpLastStep > timeStep(now) + mostStepsAhead)
    return invalid("totp_last_step: lies in the future");
  const codes = await readBackupCodes(line.backupCodes);
  if (codes === null) return invalid("backup_codes: must be SHA-256 hashes or codes, each of them once");
  const { username, canonicalName } = name;
  return {
    ok: true,
    user: { ...rest, username, canonicalName, secret: secret?.canonical, backupCodes: codes },
  };
}

/** @param label the account in the key URI's label */
function readName({ username, exactName, id }: ImportLine, label: string | undefined) {
  if (exactName === undefined) {
    const name = username ?? canonicalUsername(label || id || "");
    return name === null
      ? invalid("username: is missing")
      : ({ ok: true, username: name, canonicalName: null } as const);
  }
  if (parseSubject(exactName, "exact") === null) return invalid("exact_name: can be no name");
  const canonicalName = canonicalSubject(exactName);
  if (username !== undefined && username !== canonicalName)
    return invalid("exact_name: is another name than username");
  return { ok: true, username: exactName, canonicalName } as const;
}

function refuseHash(hash: string): LineFailure | null {
  const verdict = classifyImportedHash(hash);
  if (verdict.kind === "unknown") return invalid("password_hash: is of no kind that is known");
  if (verdict.kind !== "unsupported") return null;
  return { ok: false, reason: "unsupported_parameters", detail: `password_hash: ${verdict.detail}` };
}

function readSecret(text: string | undefined, allowWeak: boolean) {
  if (text === undefined) return null;
  const secret = parseBase32Secret(text);
  if (secret === null) return invalid("secret: is not base32");
  const { bytes, canonical } = secret;
  if (bytes.length < fewestWeakSecretBytes) return weak("The secret is shorter than 80 bits.");
  if (bytes.length < minSecretBytes && !allowWeak)
    return weak("The secret is shorter than 128 bits. Where that is meant, say allow_weak.");
  if (bytes.length > mostSecretBytes) return invalid("secret: is too long");
  return { ok: true, canonical } as const;
}

const invalid = (detail: string) => ({ ok: false, reason: "invalid_format", detail }) as const;
const weak = (detail: string) => ({ ok: false, reason: "weak_secret", detail }) as const;

/** The codes as they are stored; null: one of them is not one, or is there twice. */
async function readBackupCodes(
  codes: readonly string[] | undefined,
): Promise<readonly string[] | undefined | null> {
  if (codes === undefined) return undefined;
  const stored: string[] = [];
  const hashes = new Set<string>();
  for (const code of codes) {
    const typed = parseCodeInput(code);
    const entry =
      typed?.kind === "backup_code" ? await hashBackupCode(typed.code) : parseStoredBackupCode(code);
    if (entry === null) return null;
    stored.push(entry);
    hashes.add(splitStoredBackupCode(entry).hash);
  }
  return hashes.size === stored.length ? stored : null;
}
