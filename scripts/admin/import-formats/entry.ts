/** The second factor of an entry, as a file gives it. */
export type Authenticator =
  | {
      readonly kind: "totp";
      /** Base32, not checked. */
      readonly secret: string;
      /** `SHA1`, `HmacSHA256`, `sha-512` … Absent: SHA-1. */
      readonly algorithm?: string | undefined;
      /** Absent: 6. */
      readonly digits?: number | undefined;
      /** In seconds. Absent: 30. */
      readonly period?: number | undefined;
    }
  /** It computes no codes that Sallyport can check. `why` names the kind: `it is HOTP`. */
  | { readonly kind: "unsupported"; readonly why: string };

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

/** Parses a positive whole number of a file. Undefined when it is absent; NaN, which no rule accepts, when it is not a number. */
export function parseCount(value: string | number | null | undefined): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "number" || /^\d{1,9}$/.test(value.trim()) ? Number(value) : Number.NaN;
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
  if (type.toUpperCase() !== "TOTP")
    return { kind: "unsupported", why: `it is of the type ${type.slice(0, 20)}` };
  return {
    kind: "totp",
    secret: totp.secret,
    algorithm: orAbsent(totp.algorithm),
    digits: parseCount(totp.digits),
    period: parseCount(totp.period),
  };
}

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
