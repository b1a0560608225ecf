import type { Element } from "@xmldom/xmldom";
import { usageError } from "../failure.ts";
import { toBase32 } from "./base32-text.ts";
import { type Authenticator, type ImportEntry, toAuthenticator, toUnsupported, unreadable } from "./entry.ts";
import type { FormatContext, ImportFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { type PskcDecryption, readPskcDecryption } from "./pskc-encryption.ts";
import { findAttribute, findChild, findChildren, findText, readXml } from "./xml-document.ts";

/** A PSKC key container (RFC 6030), plain or encrypted with a key or password, as token makers and privacyIDEA write it. */
export const pskc: ImportFormat = { name: "pskc", title: "a PSKC file", read: readContainer };

async function* readContainer(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  const container = await file.once("xml", () => readXml(file));
  if (container.localName?.toLowerCase() !== "keycontainer")
    throw usageError("The file is not a PSKC file: it has no KeyContainer.");
  const decryption = await file.once("decryption", () => readPskcDecryption(container, context));
  for (const [index, keyPackage] of findChildren(container, "KeyPackage").entries()) {
    const place = `KeyPackage ${index + 1}`;
    const key = findChild(keyPackage, "Key");
    if (key === undefined) yield unreadable(place, "It has no key.");
    else yield readKey(place, { key, device: findChild(keyPackage, "DeviceInfo"), decryption });
  }
}

function readKey(
  place: string,
  {
    key,
    device,
    decryption,
  }: { key: Element; device: Element | undefined; decryption: PskcDecryption | null },
): ImportEntry {
  const userId = findText(key, "UserId") ?? (device && findText(device, "UserId"));
  const serial = (device && findText(device, "SerialNo")) ?? findAttribute(key, "Id");
  const username = userId === undefined ? undefined : findUid(userId);
  const named = username ?? serial;
  const authenticator = readAuthenticator(key, decryption);
  if (typeof authenticator === "string") return unreadable(place, authenticator, named);
  return { kind: "account", place, issuer: findText(key, "Issuer"), username, serial, authenticator };
}

/** A user may be a distinguished name: `DC=example-bank,DC=net,UID=jsmith` (RFC 6030 figure 3). */
const findUid = (userId: string): string =>
  /(?:^|,)\s*(?:UID|CN)=([^,]+)/i.exec(userId)?.[1]?.trim() ?? userId;

/** @returns a sentence when the key can't be read */
function readAuthenticator(key: Element, decryption: PskcDecryption | null): Authenticator | string {
  const type = (findAttribute(key, "Algorithm") ?? "").replace(/^.*[#:]/, "");
  const format = findChild(key, "AlgorithmParameters", "ResponseFormat");
  const encoding = findAttribute(format, "Encoding") ?? "DECIMAL";
  if (type.toUpperCase() !== "TOTP") return toAuthenticator(type, { secret: "" });
  const refusal =
    encoding.toUpperCase() !== "DECIMAL" || findAttribute(format, "CheckDigits") === "true"
      ? "has codes that are not plain decimal digits"
      : !/^0*$/.test(findText(key, "Data", "Time", "PlainValue") ?? "0")
        ? "has a time that does not start at 1970"
        : null;
  if (refusal !== null) return toUnsupported(refusal);
  const secret = readSecret(key, decryption);
  if (typeof secret === "string") return secret;
  if (findChild(key, "Data", "TimeInterval", "EncryptedValue")) return "Its time interval is encrypted.";
  const suite = findChild(key, "AlgorithmParameters", "Suite");
  return toAuthenticator("TOTP", {
    secret: toBase32(secret),
    algorithm: suite?.textContent?.trim() || findAttribute(suite, "hashalgo"),
    digits: findAttribute(format, "Length"),
    period: findText(key, "Data", "TimeInterval", "PlainValue"),
  });
}

function readSecret(key: Element, decryption: PskcDecryption | null): Uint8Array | string {
  const secret = findChild(key, "Data", "Secret");
  const plain = secret && findText(secret, "PlainValue");
  if (plain !== undefined) return Buffer.from(plain, "base64");
  const encrypted = secret && findChild(secret, "EncryptedValue");
  if (secret === undefined || encrypted === undefined) return "It has no secret.";
  if (decryption === null) return "The secret is encrypted, and the file does not say how.";
  return decryption.open(encrypted, findText(secret, "ValueMAC"));
}
