import { usageError } from "../failure.ts";
import { toBase32 } from "./base32-text.ts";
import {
  type AccountEntry,
  type Authenticator,
  type ImportEntry,
  parseDate,
  toAuthenticator,
  unreadable,
} from "./entry.ts";
import type { FormatContext, TableFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { isOtpauthUri, readOtpauthEntry } from "./otpauth-entry.ts";
import { type CellReader, readTable } from "./table.ts";
import { isUnreadSecret, unreadSecretDetail } from "./unread-secret.ts";

/** The names of the columns, by what they have. */
const columnNames = {
  id: ["id", "user_id", "userid", "uuid"],
  username: ["username", "user_name", "user", "login", "account", "account_name", "name"],
  email: ["email", "email_address", "e_mail", "mail"],
  issuer: ["issuer"],
  serial: ["serial", "serial_number"],
  otpauth: ["otpauth", "otpauth_uri", "otpauth_url", "totp_uri", "uri", "url", "totp"],
  secret: ["secret", "totp_secret", "otp_secret", "mfa_secret", "secret_base32", "base32", "seed", "key"],
  secretHex: ["secret_hex", "hex", "otpkey"],
  secretBase64: ["secret_base64", "base64"],
  type: ["type", "otp_type", "token_type"],
  algorithm: ["algorithm", "algo", "hash_algorithm", "hashlib"],
  digits: ["digits", "otplen", "length"],
  period: ["period", "interval", "step", "timestep", "time_step", "time_interval"],
  passwordHash: ["password_hash", "password_digest", "encrypted_password"],
  createdAt: ["created_at", "created"],
  disabledAt: ["disabled_at"],
} as const;
const knownColumns: ReadonlySet<string> = new Set(Object.values(columnNames).flat());
const secretColumns = [
  ...columnNames.otpauth,
  ...columnNames.secret,
  ...columnNames.secretHex,
  ...columnNames.secretBase64,
];
const nameColumns = [...columnNames.username, ...columnNames.email, ...columnNames.otpauth];

/** A table with named columns, such as the CSV file of Authelia. */
export const csv: TableFormat = {
  name: "csv",
  title: "a CSV file with named columns",
  matches: (columns) =>
    hasOne(columns, nameColumns) && hasOne(columns, [...secretColumns, ...columnNames.passwordHash]),
  read: readCsv,
};

const hasOne = (columns: ReadonlySet<string>, names: readonly string[]) =>
  names.some((name) => columns.has(name));

function readCsv(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  let unused: readonly string[] = [];
  const convert = (place: string, cell: CellReader) => toEntry(place, cell, unused);
  return readTable(file, convert, (columns) => {
    if (!hasOne(new Set(columns), nameColumns))
      throw usageError(
        "The CSV file has no column with names.",
        "Its first line must name the columns: username, email, secret, otpauth, issuer, algorithm, digits, period, password_hash …",
      );
    unused = columns.filter((name) => !knownColumns.has(name));
    if (unused.length > 0) context.note(`These columns are not used: ${unused.join(", ")}.`);
  });
}

function toEntry(place: string, cell: CellReader, unused: readonly string[]): ImportEntry {
  const username = cell(...columnNames.username);
  const email = cell(...columnNames.email);
  const createdAt = parseDate(cell(...columnNames.createdAt));
  const disabledAt = parseDate(cell(...columnNames.disabledAt));
  if (createdAt === null || disabledAt === null)
    return unreadable(place, "A date is not one.", username ?? email);
  const shared: Omit<AccountEntry, "authenticator" | "kind" | "place"> = {
    id: cell(...columnNames.id),
    username,
    email,
    issuer: cell(...columnNames.issuer),
    serial: cell(...columnNames.serial),
    passwordHash: cell(...columnNames.passwordHash),
    createdAt,
    disabled: disabledAt === undefined ? undefined : { since: disabledAt },
  };
  const uri = cell(...columnNames.otpauth);
  if (uri !== undefined && isOtpauthUri(uri)) return readOtpauthEntry(place, uri, withoutAbsent(shared));
  const authenticator = readAuthenticator(cell);
  if (authenticator === "unreadable")
    return unreadable(place, "The secret is not hexadecimal.", username ?? email);
  const unread = authenticator === null ? unused.find((name) => isUnreadSecret(name, cell(name))) : undefined;
  if (unread !== undefined) return unreadable(place, unreadSecretDetail(unread), username ?? email);
  return { kind: "account", place, ...shared, authenticator };
}

/** What a URI says counts where the table says nothing. */
const withoutAbsent = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;

function readAuthenticator(cell: CellReader): Authenticator | null | "unreadable" {
  const hex = cell(...columnNames.secretHex);
  const base64 = cell(...columnNames.secretBase64);
  if (hex !== undefined && !/^([0-9a-f]{2})+$/i.test(hex)) return "unreadable";
  const secret =
    cell(...columnNames.secret, ...columnNames.otpauth) ??
    (hex && toBase32(Buffer.from(hex, "hex"))) ??
    (base64 && toBase32(Buffer.from(base64, "base64")));
  if (!secret) return null;
  return toAuthenticator(cell(...columnNames.type) ?? "TOTP", {
    secret,
    algorithm: cell(...columnNames.algorithm),
    digits: cell(...columnNames.digits),
    period: cell(...columnNames.period),
  });
}
