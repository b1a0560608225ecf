import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import type { Element } from "@xmldom/xmldom";
import { usageError } from "../failure.ts";
import { deriveByPbkdf2 } from "./decryption.ts";
import type { FormatContext } from "./format.ts";
import { findAttribute, findChild, findText } from "./xml-document.ts";

/** Decrypts the values of a PSKC file (RFC 6030 6). */
export interface PskcDecryption {
  /** @returns the bytes of the secret, or a sentence that says why it can't be decrypted */
  readonly open: (encryptedValue: Element, mac: string | undefined) => Uint8Array | string;
}

/** Node's ciphers by the end of their XML Encryption URI. The bytes of the initialisation vector are in front of the text. */
const cbcCiphers: Readonly<Record<string, string>> = {
  "aes128-cbc": "aes-128-cbc",
  "aes192-cbc": "aes-192-cbc",
  "aes256-cbc": "aes-256-cbc",
};
const wrapCiphers: Readonly<Record<string, string>> = {
  "kw-aes128": "id-aes128-wrap",
  "kw-aes192": "id-aes192-wrap",
  "kw-aes256": "id-aes256-wrap",
};
/** RFC 3394 2.2.3.1 */
const wrapVector = Buffer.alloc(8, 0xa6);

/** The part of an algorithm's URI after `#`. */
const shortName = (uri: string | undefined): string => (uri ?? "").replace(/^.*[#:]/, "").toLowerCase();

/**
 * Reads how a key container is encrypted, with the key or password of the operator.
 *
 * @returns null when no value of the container is encrypted
 * @throws AdminError when the key is wrong, or the algorithms are not supported
 */
export async function readPskcDecryption(
  container: Element,
  context: FormatContext,
): Promise<PskcDecryption | null> {
  const encryptionKey = findChild(container, "EncryptionKey");
  if (encryptionKey === undefined) return null;
  const key = await readKey(encryptionKey, context);
  const macMethod = findChild(container, "MACMethod");
  const hash = macHashes[shortName(findAttribute(macMethod, "Algorithm"))];
  if (macMethod !== undefined && hash === undefined)
    throw usageError("The file has a MAC of an unknown algorithm.");
  const sealedMacKey = macMethod && findChild(macMethod, "MACKey");
  const macKey = sealedMacKey === undefined ? key : decrypt(sealedMacKey, key);
  if (macKey === null) throw wrongKey();
  return { open: (value, mac) => openValue(value, mac, { key, macKey, hash }) };
}

const wrongKey = () =>
  usageError("The key or password is wrong, or the file was changed. Nothing was imported.");

const macHashes: Readonly<Record<string, string>> = {
  "hmac-sha1": "sha1",
  "hmac-sha224": "sha224",
  "hmac-sha256": "sha256",
  "hmac-sha384": "sha384",
  "hmac-sha512": "sha512",
};

/** The pre-shared key, or the key that is derived from a password with PBKDF2 (RFC 6030 6.2). */
async function readKey(encryptionKey: Element, context: FormatContext): Promise<Buffer> {
  const method = findChild(encryptionKey, "DerivedKey", "KeyDerivationMethod");
  if (method === undefined) return parseKey(await context.readPassword("Key (hexadecimal or base64)"));
  const parameters = findChild(method, "PBKDF2-params");
  const salt = parameters && findText(parameters, "Salt", "Specified");
  if (parameters === undefined || salt === undefined)
    throw usageError("The key of the file is derived in an unknown way. Only PBKDF2 is supported.");
  const prf = shortName(findAttribute(findChild(parameters, "PRF"), "Algorithm") ?? "hmac-sha1");
  return deriveByPbkdf2(await context.readPassword("Password"), Buffer.from(salt, "base64"), {
    iterations: Number(findText(parameters, "IterationCount")),
    hash: macHashes[prf.replace("hmacwith", "hmac-")] ?? "sha1",
    bytes: Number(findText(parameters, "KeyLength") ?? 16),
  });
}

function parseKey(text: string): Buffer {
  const compact = text.replace(/[\s:]/g, "");
  const key = Buffer.from(compact, /^[0-9a-f]+$/i.test(compact) ? "hex" : "base64");
  if ([16, 24, 32].includes(key.length)) return key;
  throw usageError("The key must have 128, 192 or 256 bits, in hexadecimal or base64.");
}

function openValue(
  value: Element,
  mac: string | undefined,
  { key, macKey, hash }: { key: Buffer; macKey: Buffer; hash: string | undefined },
): Uint8Array | string {
  const isWrapped =
    shortName(findAttribute(findChild(value, "EncryptionMethod"), "Algorithm")) in wrapCiphers;
  // CBC does not show that the key is right: with one wrong key of 256 it yields other bytes without an error.
  if (!isWrapped && (mac === undefined || hash === undefined))
    return "The secret is encrypted without a MAC, so the key can't be checked.";
  if (mac !== undefined && hash !== undefined) {
    const expected = createHmac(hash, macKey).update(cipherValue(value)).digest();
    const given = Buffer.from(mac, "base64");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return "The MAC is wrong: the key is another one, or the file was changed.";
  }
  return decrypt(value, key) ?? "The secret can't be decrypted.";
}

const cipherValue = (value: Element): Buffer =>
  Buffer.from(findText(value, "CipherData", "CipherValue") ?? "", "base64");

/** @returns null when the key is wrong */
function decrypt(value: Element, key: Buffer): Buffer | null {
  const algorithm = shortName(findAttribute(findChild(value, "EncryptionMethod"), "Algorithm"));
  const bytes = cipherValue(value);
  const cbc = cbcCiphers[algorithm];
  const wrap = wrapCiphers[algorithm];
  if (cbc === undefined && wrap === undefined)
    throw usageError("The file is encrypted with an algorithm other than AES-CBC and AES key wrap.");
  try {
    const decipher =
      cbc === undefined
        ? createDecipheriv(wrap ?? "", key, wrapVector)
        : createDecipheriv(cbc, key, bytes.subarray(0, 16));
    return Buffer.concat([decipher.update(cbc === undefined ? bytes : bytes.subarray(16)), decipher.final()]);
  } catch {
    return null;
  }
}
