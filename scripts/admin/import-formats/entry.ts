import { enrolAgainAdvice, type ImportedTotpParameters } from "../../../src/core/parsing/totp-parameters.ts";

/** The second factor of an entry, as a file gives it. */
export type Authenticator =
  | ({
      readonly kind: "totp";
      /** Base32, not checked. */
      readonly secret: string;
    } & ImportedTotpParameters)
  | {
      /** It computes no codes that Sallyport can check. */
      readonly kind: "unsupported";
      /** A predicate and an advice: `has codes that are counted (HOTP). Only SHA-1 …`. */
      readonly why: string;
    };

/** One account of a file, in the terms that all formats share. An absent value is not in the file. */
export interface AccountEntry {
  readonly kind: "account";
  /** Where the entry is in the file, such as `line 3` or `users[2]`. */
  readonly place: string;
  /** The site that the authenticator is for. */
  readonly issuer?: string | undefined;
  /** The account in the label of an authenticator. */
  readonly account?: string | undefined;
  /** The name that a user database gives. */
  readonly username?: string | undefined;
  readonly email?: string | undefined;
  readonly id?: string | undefined;
  /** The serial number of a token. */
  readonly serial?: string | undefined;
  readonly authenticator: Authenticator | null;
  readonly passwordHash?: string | undefined;
  readonly createdAt?: Date | undefined;
  /** The account is disabled. The time is null when the file does not say since when. */
  readonly disabled?: { readonly since: Date | null } | undefined;
}

/** An entry that can't be read. The rest of the file can. */
export interface UnreadableEntry {
  readonly kind: "unreadable";
  readonly place: string;
  /** For the report: the name of the account, when it could be read. */
  readonly account?: string | undefined;
  /** A sentence without a value of the file. */
  readonly detail: string;
}

/** An entry that has no authenticator and no account, such as a note in a vault. It keeps its number. */
export interface IrrelevantEntry {
  readonly kind: "irrelevant";
  readonly place: string;
}

export type ImportEntry = AccountEntry | UnreadableEntry | IrrelevantEntry;

/** Creates an {@link UnreadableEntry}. */
export const unreadable = (place: string, detail: string, account?: string): UnreadableEntry => ({
  kind: "unreadable",
  place,
  detail,
  account,
});

/** The text without surrounding spaces. Undefined when it is absent or empty. */
export const orAbsent = (text: string | null | undefined): string | undefined => text?.trim() || undefined;

/** Parses a date of a file. Undefined when it is absent; null when it is not a date. */
export function parseDate(value: string | number | null | undefined): Date | null | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/**
 * Converts the parameters of an authenticator whose type the file names.
 *
 * @param type such as `TOTP`, `hotp` or `steam`; in any case
 */
export function toAuthenticator(
  type: string,
  totp: {
    readonly secret: string;
    readonly algorithm?: string | null | undefined;
    readonly digits?: string | number | null | undefined;
    readonly period?: string | number | null | undefined;
  },
): Authenticator {
  const name = type.trim().toUpperCase();
  if (name === "HOTP") return toUnsupported("has codes that are counted (HOTP)");
  if (name !== "TOTP") return toUnsupported(`has another type than TOTP${showType(type)}`);
  return {
    kind: "totp",
    secret: totp.secret,
    algorithm: totp.algorithm ?? undefined,
    digits: totp.digits ?? undefined,
    period: totp.period ?? undefined,
  };
}

/** The name of a type behind a colon. "" for any other text: in shifted columns it is a secret. */
export const showType = (type: string): string =>
  /^[a-z_-]{1,12}$/i.test(type.trim()) ? `: ${type.trim()}` : "";

/** Creates an authenticator whose codes can't be checked. @param why a predicate: `has codes of Steam` */
export const toUnsupported = (why: string): Authenticator => ({
  kind: "unsupported",
  why: `${why}. ${enrolAgainAdvice}`,
});

/**
 * Yields an account with its authenticators. Sallyport keeps one for each account: the first that can be used. The others are
 * further entries of the same account, which the report then names.
 */
export function* withAuthenticators(
  account: Omit<AccountEntry, "authenticator">,
  found: readonly Authenticator[],
): Generator<AccountEntry, void, undefined> {
  const [first = null, ...others] = found.toSorted(
    (a, b) => Number(a.kind === "unsupported") - Number(b.kind === "unsupported"),
  );
  yield { ...account, authenticator: first };
  for (const authenticator of others) yield { ...account, authenticator };
}
