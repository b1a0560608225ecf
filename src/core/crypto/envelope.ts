import { base64urlnopad } from "@scure/base";
import type { Keyring } from "./keyring.ts";

/**
 * The column and row of an encrypted value. They are additional authenticated data of the encryption, so that a ciphertext
 * copied to another row, column or table cannot be decrypted (CR-02).
 */
export interface SealedFieldLocation {
  readonly table: string;
  readonly column: string;
  readonly rowId: string;
}

/** The outcome of {@link openField}. */
export type OpenFieldResult =
  | { ok: true; text: string }
  /** The key that encrypted the value is no longer in `KEYRING`. */
  | { ok: false; reason: "unknown_key"; kid: string }
  /** The text is no envelope, is damaged, or was encrypted for another location. */
  | { ok: false; reason: "not_authentic" };

const version = "v1";
/** 96 bits, the length that NIST SP 800-38D 5.2.1.1 recommends for GCM. */
const ivBytes = 12;

/** Returns the prefix of every envelope that this key encrypted. */
export const formatEnvelopePrefix = (kid: string): string => `${version}.${kid}.`;

/**
 * Encrypts a text with AES-256-GCM under the current key. The IV is generated here, so that no caller can reuse one.
 *
 * @returns `v1.<key id>.<base64url of IV and ciphertext>`
 */
export async function sealField(
  keyring: Keyring,
  location: SealedFieldLocation,
  text: string,
): Promise<string> {
  const kid = keyring.currentKid;
  const key = await keyring.encryptionKey(kid);
  if (key === null) throw new Error(`Key "${kid}" is current and not in KEYRING`);
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const ciphertext = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: additionalData(kid, location) },
    key,
    new TextEncoder().encode(text),
  );
  const body = new Uint8Array(ivBytes + ciphertext.byteLength);
  body.set(iv);
  body.set(new Uint8Array(ciphertext), ivBytes);
  return formatEnvelopePrefix(kid) + base64urlnopad.encode(body);
}

/** Decrypts an envelope of {@link sealField} for the same location, under any key of the keyring. */
export async function openField(
  keyring: Keyring,
  location: SealedFieldLocation,
  envelope: string,
): Promise<OpenFieldResult> {
  const parts = parseEnvelope(envelope);
  if (parts === null) return { ok: false, reason: "not_authentic" };
  const key = await keyring.encryptionKey(parts.kid);
  if (key === null) return { ok: false, reason: "unknown_key", kid: parts.kid };
  try {
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: parts.iv, additionalData: additionalData(parts.kid, location) },
      key,
      parts.ciphertext,
    );
    return { ok: true, text: new TextDecoder().decode(plain) };
  } catch {
    return { ok: false, reason: "not_authentic" };
  }
}

function parseEnvelope(envelope: string) {
  const match = /^v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/.exec(envelope);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  try {
    const body = new Uint8Array(base64urlnopad.decode(match[2]));
    return { kid: match[1], iv: body.slice(0, ivBytes), ciphertext: body.slice(ivBytes) };
  } catch {
    return null;
  }
}

/** Returns a JSON array: two different locations never have the same encoding. */
function additionalData(kid: string, location: SealedFieldLocation): Uint8Array<ArrayBuffer> {
  const parts = [version, kid, location.table, location.column, location.rowId];
  return new Uint8Array(new TextEncoder().encode(JSON.stringify(parts)));
}
