import { base64urlnopad } from "@scure/base";
import { isEqualInConstantTime } from "../crypto/constant-time.ts";
import type { Keyring } from "../crypto/keyring.ts";

/**
 * The first-factor credentials in a request, such as the site's session cookies. Two requests with the same JSON form have
 * the same credentials, because JSON separates names and values unambiguously (INC-23).
 */
export type FirstFactorEvidence = readonly (string | readonly string[])[];

/**
 * Returns the binding of a session to its first-factor credentials: a keyed hash, from which a reader of D1 does not learn
 * the credentials.
 *
 * @returns `<key id>.<base64url of HMAC-SHA-256>`
 */
export async function createSessionBinding(keyring: Keyring, evidence: FirstFactorEvidence): Promise<string> {
  const binding = await computeBinding(keyring, keyring.currentKid, evidence);
  if (binding === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  return binding;
}

/** True when the binding was created from this evidence, with the current key or an older one. */
export async function matchesSessionBinding(
  keyring: Keyring,
  binding: string,
  evidence: FirstFactorEvidence,
): Promise<boolean> {
  const expected = await computeBinding(keyring, binding.split(".", 1)[0] ?? "", evidence);
  return expected !== null && isEqualInConstantTime(expected, binding);
}

async function computeBinding(
  keyring: Keyring,
  kid: string,
  evidence: FirstFactorEvidence,
): Promise<string | null> {
  const key = await keyring.bindingKey(kid);
  if (key === null) return null;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(JSON.stringify(evidence)));
  return `${kid}.${base64urlnopad.encode(new Uint8Array(mac))}`;
}
