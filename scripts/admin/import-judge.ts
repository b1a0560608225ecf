import { describeUnsupportedTotpParameters } from "../../src/core/parsing/totp-parameters.ts";
import { backendUserIdPattern } from "../../src/core/parsing/user-id.ts";
import { canonicalizeUsername } from "../../src/core/parsing/username.ts";
import { importedEmailPattern, parseImportedUser } from "../../src/domain/service-api/imported-user.ts";
import type { AccountEntry, Authenticator, ImportEntry } from "./import-formats/entry.ts";

/** The values of `--username`: which name of an entry becomes the user name. */
export const usernameSources = ["username", "account", "label", "email", "id", "serial"] as const;
export type UsernameSource = (typeof usernameSources)[number];

/** How the operator wants entries to be converted. */
export interface JudgeOptions {
  /** Undefined: the first of username, account and email that the entry has. */
  readonly username: UsernameSource | undefined;
  /** Only entries of this issuer are imported. */
  readonly issuer: string | undefined;
  readonly allowWeak: boolean;
}

/** Why an entry is not imported. */
export type LeftOutReason =
  /** The authenticator computes codes that Sallyport does not check. The person has to enrol again. */
  | "enrol_again"
  /** The secret is too short. */
  | "weak_secret"
  /** An earlier entry has the same user name. */
  | "duplicate"
  /** The entry can't be read, or has a value that the import does not take. */
  | "invalid"
  /** `--issuer` names another one. */
  | "other_issuer";

/** What becomes of an entry. `line` is the line for the service API. */
export type Verdict =
  | { readonly kind: "imported"; readonly username: string; readonly line: string }
  | {
      readonly kind: "left_out";
      readonly username: string | null;
      readonly reason: LeftOutReason;
      /** A sentence without a secret. */
      readonly detail: string;
    }
  | { readonly kind: "irrelevant" };

/** Judges the entries of a file one after the other. Remembers the user names, so a file has to be judged by one of these. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #numbers = new Map<string, number>();
  readonly #now = new Date();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /**
   * Judges an entry by the rules of the server, without asking it.
   *
   * @param number of the entry in the file, from 1
   */
  async judge(entry: ImportEntry, number: number): Promise<Verdict> {
    if (entry.kind === "irrelevant") return entry;
    if (entry.kind === "unreadable") return leftOut(withoutSecret(entry.account), "invalid", entry.detail);
    const name = this.#findName(entry);
    if (name !== undefined && hasSecret(name))
      return leftOut(null, "invalid", "Its name is an otpauth:// URI. Check the columns and the format.");
    const { issuer } = this.#options;
    if (issuer !== undefined && entry.issuer?.toLowerCase() !== issuer.toLowerCase())
      return leftOut(withoutSecret(name), "other_issuer", "It is of another issuer.");
    const shown = withoutSecret(name ?? entry.account ?? entry.email ?? entry.serial);
    const factor = findUnsupported(entry.authenticator);
    if (factor !== null) return leftOut(shown, "enrol_again", `It ${factor}`);
    const username = name === undefined ? null : canonicalizeUsername(name);
    if (username === null) return leftOut(shown, "invalid", this.#nameProblem(name));
    const refusal = await this.#findRefusal(entry, username);
    if (refusal !== null) return leftOut(shown, ...refusal);
    const earlier = this.#numbers.get(username);
    if (earlier !== undefined)
      return leftOut(
        username,
        "duplicate",
        `Entry ${earlier} has the same user name, and an account has one authenticator.`,
      );
    this.#numbers.set(username, number);
    return {
      kind: "imported",
      username,
      line: JSON.stringify(toFields(entry, username, this.#options.allowWeak)),
    };
  }

  #findName(entry: AccountEntry): string | undefined {
    const { username: source } = this.#options;
    if (source === "label") return [entry.issuer, entry.account].filter(Boolean).join(":") || undefined;
    return source === undefined ? (entry.username ?? entry.account ?? entry.email) : entry[source];
  }

  #nameProblem(name: string | undefined): string {
    if (name !== undefined) return "Its name is no valid user name.";
    const { username: source } = this.#options;
    return source === undefined
      ? "It has no name. Choose another one with --username."
      : `It has no ${source}.`;
  }

  /** The checks of the server's fields, and the server's own judgement about a user. */
  async #findRefusal(entry: AccountEntry, username: string): Promise<[LeftOutReason, string] | null> {
    const { id, email, passwordHash, authenticator } = entry;
    if (id !== undefined && !backendUserIdPattern.test(id))
      return ["invalid", "Its id is not one that can be imported."];
    if (email !== undefined && !importedEmailPattern.test(email))
      return ["invalid", "Its e-mail address can't be imported."];
    const secret = authenticator?.kind === "totp" ? authenticator.secret : undefined;
    if (secret !== undefined && secret.length > maxSecretCharacters)
      return ["invalid", "Its secret is too long."];
    const allowWeak = this.#options.allowWeak;
    const parsed = await parseImportedUser(
      { id, username, email, secret, allowWeak, passwordHash },
      this.#now,
    );
    if (parsed.ok) return null;
    const detail = "detail" in parsed && parsed.detail !== undefined ? parsed.detail : parsed.reason;
    return parsed.reason === "weak_secret" ? ["weak_secret", weakDetail(detail)] : ["invalid", `${detail}.`];
  }
}

/** A file that is read in another format, or with shifted columns, has a URI with its secret in the place of a name. */
const hasSecret = (name: string): boolean => /otpauth(-migration)?:|\bsecret=/i.test(name);

/** A name that can be shown. */
export const withoutSecret = (name: string | undefined): string | null =>
  name === undefined || hasSecret(name) ? null : name;

/** The limit of the service API for the text of a secret. */
const maxSecretCharacters = 512;

const weakDetail = (detail: string) => detail.replace("Set allow_weak", "Use --allow-weak");

const leftOut = (username: string | null, reason: LeftOutReason, detail: string): Verdict => ({
  kind: "left_out",
  username,
  reason,
  detail,
});

/** Returns why no code of the authenticator can be checked, or null. */
function findUnsupported(authenticator: Authenticator | null): string | null {
  if (authenticator === null) return null;
  return authenticator.kind === "unsupported"
    ? authenticator.why
    : describeUnsupportedTotpParameters(authenticator);
}

/** The fields of the line (docs/import-export.md). */
function toFields(entry: AccountEntry, username: string, allowWeak: boolean): object {
  const { id, email, authenticator, passwordHash, createdAt, disabled } = entry;
  // A time that stays the same when the file is imported again: the line is compared with the account.
  const disabledAt = disabled === undefined ? undefined : (disabled.since ?? createdAt ?? new Date(0));
  return {
    id,
    username,
    email,
    ...(authenticator?.kind === "totp"
      ? { secret: authenticator.secret, ...(allowWeak ? { allow_weak: true } : {}) }
      : {}),
    password_hash: passwordHash,
    created_at: createdAt?.toISOString(),
    disabled_at: disabledAt?.toISOString(),
  };
}
