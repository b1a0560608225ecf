import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";
import { toBase32 } from "./base32-text.ts";
import { type Authenticator, type ImportEntry, orAbsent, toAuthenticator } from "./entry.ts";

/** The contents of one QR code of Google Authenticator's "Transfer accounts". An export of many accounts has several. */
export interface MigrationPayload {
  readonly accounts: readonly MigratedAccount[];
  /** Identifies the codes of one export. */
  readonly batchId: number;
  readonly batchSize: number;
  /** From 0. */
  readonly batchIndex: number;
}

interface MigratedAccount {
  readonly name: string;
  readonly issuer: string;
  readonly authenticator: Authenticator;
}

const scheme = /^otpauth-migration:\/\/offline\/?\?/i;

export const isMigrationUri = (text: string): boolean => /^otpauth-migration:/i.test(text);

/** Parses an `otpauth-migration://offline?data=…` URI. Null: it is damaged. */
export function parseMigrationUri(uri: string): MigrationPayload | null {
  const query = scheme.test(uri) ? uri.slice(uri.indexOf("?") + 1) : "";
  const [, encoded = ""] = /(?:^|&)data=([^&#]*)/.exec(query) ?? [];
  try {
    // In base64 `+` is a digit, so it stands for itself here.
    const base64 = decodeURIComponent(encoded).replace(/\s/g, "");
    if (base64 === "" || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return null;
    return readPayload(Buffer.from(base64, "base64"));
  } catch {
    return null;
  }
}

/** The numbers of the fields of `MigrationPayload` and `OtpParameters`. Google publishes no definition; all readers agree on this one. */
const payloadFields = { accounts: 1, batchSize: 3, batchIndex: 4, batchId: 5 };
const accountFields = { secret: 1, name: 2, issuer: 3, algorithm: 4, digits: 5, type: 6 };

function readPayload(bytes: Uint8Array): MigrationPayload {
  const accounts: MigratedAccount[] = [];
  const batch = { batchId: 0, batchSize: 1, batchIndex: 0 };
  readFields(bytes, (reader, field) => {
    if (field === payloadFields.accounts) accounts.push(readAccount(reader.bytes()));
    else if (field === payloadFields.batchSize) batch.batchSize = reader.int32();
    else if (field === payloadFields.batchIndex) batch.batchIndex = reader.int32();
    else if (field === payloadFields.batchId) batch.batchId = reader.int32();
    else return false;
    return true;
  });
  return { accounts, ...batch };
}

/** @param read reads the value of a field, or returns false when the field is not known */
function readFields(bytes: Uint8Array, read: (reader: BinaryReader, field: number) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type]: [number, WireType] = reader.tag();
    if (!read(reader, field)) reader.skip(type, field);
  }
}

/** The values of the enumerations. Google Authenticator takes 0 for SHA-1, six digits and TOTP. */
const algorithms: Readonly<Record<number, string>> = {
  0: "SHA1",
  1: "SHA1",
  2: "SHA256",
  3: "SHA512",
  4: "MD5",
};
const digitCounts: Readonly<Record<number, number>> = { 0: 6, 1: 6, 2: 8 };
const types: Readonly<Record<number, "totp" | "hotp">> = { 0: "totp", 1: "hotp", 2: "totp" };

function readAccount(bytes: Uint8Array): MigratedAccount {
  const account = { secret: new Uint8Array(), name: "", issuer: "", algorithm: 0, digits: 0, type: 0 };
  readFields(bytes, (reader, field) => {
    if (field === accountFields.secret) account.secret = Uint8Array.from(reader.bytes());
    else if (field === accountFields.name) account.name = reader.string();
    else if (field === accountFields.issuer) account.issuer = reader.string();
    else if (field === accountFields.algorithm) account.algorithm = reader.int32();
    else if (field === accountFields.digits) account.digits = reader.int32();
    else if (field === accountFields.type) account.type = reader.int32();
    else return false;
    return true;
  });
  const { name, issuer, algorithm, digits, type } = account;
  const authenticator: Authenticator =
    types[type] === "totp"
      ? {
          kind: "totp",
          secret: toBase32(account.secret),
          algorithm: algorithms[algorithm] ?? "unknown",
          digits: digitCounts[digits] ?? "unknown",
        }
      : toAuthenticator(types[type] ?? "unknown", { secret: "" });
  return { name, issuer, authenticator };
}

/** Converts the accounts of a QR code. */
export const toEntries = (place: string, { accounts, batchIndex }: MigrationPayload): ImportEntry[] =>
  accounts.map(({ name, issuer, authenticator }, index) => {
    // The name repeats the issuer: `Shop:ada`.
    const prefix = `${issuer}:`;
    const account = issuer !== "" && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    return {
      kind: "account",
      place: `${place}, QR code ${batchIndex + 1}, account ${index + 1}`,
      issuer: orAbsent(issuer),
      account: orAbsent(account),
      authenticator,
    };
  });
