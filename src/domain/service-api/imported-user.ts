import {
  parseImportedBackupCodeHash,
  sha256BackupCode,
  splitStoredBackupCodeEntry,
} from "../../core/crypto/backup-code-hashes.ts";
import { parseBase32Secret } from "../../core/crypto/base32-secret.ts";
import { classifyImportedPasswordHash, knownHashForms } from "../../core/crypto/imported-password.ts";
import { computeTimeStep } from "../../core/crypto/totp.ts";
import { parseSubmittedCode } from "../../core/parsing/code-input.ts";
import { canonicalizeSubjectIfPossible, parseExternalSubject } from "../../core/parsing/external-subject.ts";
import { parseOtpauthUri } from "../../core/parsing/otpauth.ts";
import {
  describeUnsupportedTotpParameters,
  type ImportedTotpParameters,
} from "../../core/parsing/totp-parameters.ts";
import { canonicalizeUsername } from "../../core/parsing/username.ts";
import type { Failure } from "../failure.ts";

/** A line of an import. Each field has been validated by itself; undefined means that the line leaves it out. */
export interface ImportLineInput {
  readonly id?: string | undefined;
  /** The user name in canonical form (`core/parsing/username.ts`). */
  readonly username?: string | undefined;
  /** The name as the external source spells it, for a claimed account (`store/users/external-names.ts`). */
  readonly exactName?: string | undefined;
  readonly email?: string | undefined;
  readonly otpauth?: string | undefined;
  readonly secret?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly digits?: string | number | undefined;
  readonly period?: string | number | undefined;
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

/** An account as an import creates it. */
export interface ImportedUser
  extends Omit<ImportLineInput, "otpauth" | "algorithm" | "digits" | "period" | "allowWeak" | "exactName"> {
  /** The exact name when `canonicalName` is set, otherwise the canonical name. */
  readonly username: string;
  readonly canonicalName: string | null;
  /** Canonical base32. */
  readonly secret: string | undefined;
  /** The hashes as the column stores them. The hash of a spent code has the prefix `spent:`. */
  readonly backupCodes: readonly string[] | undefined;
  /** The value that the column `password_hash` stores. */
  readonly passwordHash: string | undefined;
  /** The form of a password hash that Sallyport can't verify: the account needs a new password. Undefined: it needs none. */
  readonly resetForm: string | undefined;
}

/** Why a line was not imported. `detail` never contains a value of the line. */
export type ImportLineFailure =
  | Failure
  /** A user with this id or name exists, and its data differ from the line. */
  | { readonly ok: false; readonly reason: "user_differs" }
  | { readonly ok: false; readonly reason: "invalid_format"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "malformed_request"; readonly detail?: string };

/**
 * Regular expression for an e-mail address in an import: any text without control characters, because an export must be
 * importable, and external sources send any address.
 */
export const importedEmailPattern = /^\P{C}{1,320}$/u;

/** OTP-05: a secret below 128 bits is imported only with `allow_weak`. */
export const minStrongSecretBytes = 16;
/** A shorter secret is rejected also with `allow_weak`. */
const minWeakSecretBytes = 10;
const maxSecretBytes = 128;

/**
 * A last accepted time step in the future rejects every code until that time has come. The clock of the exporting system
 * may be ahead by this many steps.
 */
const maxStepsAhead = 10;

/** Parses a line into an account, or returns why it can't be imported. No I/O. */
export async function parseImportedUser(
  line: ImportLineInput,
  now: Date,
): Promise<{ readonly ok: true; readonly user: ImportedUser } | ImportLineFailure> {
  const { otpauth, algorithm, digits, period, allowWeak, exactName, ...rest } = line;
  const uri = otpauth === undefined ? null : parseOtpauthUri(otpauth);
  if (uri?.ok === false) return { ...uri, detail: `otpauth: ${uri.detail}` };
  const name = parseName(line, uri?.account);
  if (name.ok === false) return name;
  if (uri !== null && line.secret !== undefined) return invalid("secret: must not be given beside otpauth");
  const secret = parseSecret(uri?.secret ?? line.secret, allowWeak === true, { algorithm, digits, period });
  if (secret?.ok === false) return secret;
  if (secret === null && (line.totpSetupAt ?? line.backupCodes) !== undefined)
    return invalid("secret: is required with totp_setup_at or backup_codes");
  const password = parsePasswordHash(line.passwordHash);
  if (!password.ok) return password;
  if (line.totpLastStep !== undefined && line.totpLastStep > computeTimeStep(now) + maxStepsAhead)
    return invalid("totp_last_step: is in the future");
  const codes = await parseBackupCodes(line.backupCodes);
  if (codes === null) return invalid("backup_codes: must be SHA-256 hashes or codes, without duplicates");
  const { username, canonicalName } = name;
  return {
    ok: true,
    user: {
      ...{ ...rest, username, canonicalName, secret: secret?.canonical, backupCodes: codes },
      passwordHash: password.stored,
      resetForm: password.resetForm,
    },
  };
}

/**
 * Without a name of its own, the user is named after the label of the key URI, or after its id.
 *
 * @param label the account in the label of the key URI
 */
function parseName({ username, exactName, id }: ImportLineInput, label: string | undefined) {
  if (exactName === undefined) {
    const name = username ?? canonicalizeUsername(label || id || "");
    return name === null
      ? invalid(
          label ? "username: is missing, and the label of otpauth is no user name" : "username: is missing",
        )
      : ({ ok: true, username: name, canonicalName: null } as const);
  }
  if (parseExternalSubject(exactName, "exact") === null) return invalid("exact_name: is not a valid name");
  const canonicalName = canonicalizeSubjectIfPossible(exactName);
  if (username !== undefined && username !== canonicalName)
    return invalid("exact_name: its canonical form is not username");
  return { ok: true, username: exactName, canonicalName } as const;
}

/** Returns the hash to store, and its form if the account needs a new password. */
function parsePasswordHash(hash: string | undefined) {
  if (hash === undefined) return { ok: true, stored: undefined, resetForm: undefined } as const;
  const support = classifyImportedPasswordHash(hash);
  switch (support.kind) {
    case "verifiable":
      return { ok: true, stored: support.stored, resetForm: undefined } as const;
    case "reset_required":
      return { ok: true, stored: support.stored, resetForm: support.form } as const;
    case "unsupported":
      return {
        ok: false,
        reason: "unsupported_parameters",
        detail: `password_hash: ${support.detail}`,
      } as const;
    case "plain_password":
      return invalid("password_hash: is a password that is not hashed. Leave it out, and set a new password");
    case "unknown":
      return invalid(`password_hash: is of no known form. Known: ${knownHashForms}`);
  }
}

function parseSecret(
  text: string | undefined,
  allowWeak: boolean,
  parameters: ImportedTotpParameters,
): { readonly ok: true; readonly canonical: string } | ImportLineFailure | null {
  if (text === undefined) return null;
  const unsupported = describeUnsupportedTotpParameters(parameters);
  if (unsupported !== null)
    return { ok: false, reason: "unsupported_parameters", detail: `secret: ${unsupported}` };
  const secret = parseBase32Secret(text);
  if (secret === null) return invalid("secret: is not base32");
  const { bytes, canonical } = secret;
  if (bytes.length < minWeakSecretBytes) return weak("The secret is shorter than 80 bits.");
  if (bytes.length < minStrongSecretBytes && !allowWeak)
    return weak("The secret is shorter than 128 bits. Set allow_weak to import it anyway.");
  if (bytes.length > maxSecretBytes) return invalid("secret: is too long");
  return { ok: true, canonical };
}

const invalid = (detail: string) => ({ ok: false, reason: "invalid_format", detail }) as const;
const weak = (detail: string) => ({ ok: false, reason: "weak_secret", detail }) as const;

/** Hashes the codes as the column stores them. Null: an entry is neither a code nor a hash, or is a duplicate. */
async function parseBackupCodes(
  codes: readonly string[] | undefined,
): Promise<readonly string[] | undefined | null> {
  if (codes === undefined) return undefined;
  const stored: string[] = [];
  const hashes = new Set<string>();
  for (const code of codes) {
    const input = parseSubmittedCode(code);
    const entry =
      input?.kind === "backup_code" ? await sha256BackupCode(input.code) : parseImportedBackupCodeHash(code);
    if (entry === null) return null;
    stored.push(entry);
    hashes.add(splitStoredBackupCodeEntry(entry).hash);
  }
  return hashes.size === stored.length ? stored : null;
}
