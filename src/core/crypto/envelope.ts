import { base64urlnopad } from "@scure/base";
import type { Keyring } from "./keyring.ts";

/**
 * Where a sealed value lives. It is authenticated with the value, so that a ciphertext moved to another
 * row, column or table does not open (CR-02).
 */
export interface FieldLocation {
  readonly table: string;
  readonly column: string;
  readonly rowId: string;
}

export type OpenFieldResult =
  | { ok: true; text: string }
  /** The key that sealed it is not in `KEYRING` any more. */
  | { ok: false; reason: "unknown_key"; kid: string }
  /** Not an envelope, damaged, or sealed for another place. */
  | { ok: false; reason: "not_authentic" };

const version = "v1";
/** NIST SP 800-38D 5.2.1.1: 96 bits, the length that GCM is made for. */
const ivBytes = 12;

/** How every envelope begins that was sealed with this key. */
export const envelopePrefix = (kid: string): string => `${version}.${kid}.`;

/**
 * Seals a text with AES-256-GCM under the current key. The IV is drawn here, so no caller can use one twice.
 *
 * @returns `v1.<key id>.<base64url of IV and ciphertext>`
 */
export async function sealField(keyring: Keyring, place: FieldLocation, text: string): Promise<string> {
  const kid = keyring.currentKid;
  const key = await keyring.encryptionKey(kid);
  if (key === null) throw new Error(`Key "${kid}" is current and not in KEYRING`);
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const ciphertext = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: additionalData(kid, place) },
    key,
    new TextEncoder().encode(text),
  );
  const body = new Uint8Array(ivBytes + ciphertext.byteLength);
  body.set(iv);
  body.set(new Uint8Array(ciphertext), ivBytes);
  return envelopePrefix(kid) + base64urlnopad.encode(body);
}

/** Opens what {@link sealField} sealed for the same place, under any key of the keyring. */
export async function openField(
  keyring: Keyring,
  place: FieldLocation,
  envelope: string,
): Promise<OpenFieldResult> {
  const parts = parseEnvelope(envelope);
  if (parts === null) return { ok: false, reason: "not_authentic" };
  const key = await keyring.encryptionKey(parts.kid);
  if (key === null) return { ok: false, reason: "unknown_key", kid: parts.kid };
  try {
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: parts.iv, additionalData: additionalData(parts.kid, place) },
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

/** A JSON array, because no two different places can be written the same way in it. */
function additionalData(kid: string, place: FieldLocation): Uint8Array<ArrayBuffer> {
  const parts = [version, kid, place.table, place.column, place.rowId];
  return new Uint8Array(new TextEncoder().encode(JSON.stringify(parts)));
}
