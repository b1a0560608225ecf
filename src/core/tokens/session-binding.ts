import { base64urlnopad } from "@scure/base";
import { equalInConstantTime } from "../crypto/constant-time.ts";
import type { Keyring } from "../crypto/keyring.ts";

/**
 * What a request shows of its first factor. Two requests with the same evidence show the same credentials: its JSON form
 * is injective (INC-23).
 */
export type BindingEvidence = readonly (string | readonly string[])[];

/**
 * Binds a session to the evidence of its first factor by a keyed hash: a reader of the store does not learn the site's
 * session from it.
 *
 * @returns `<key id>.<base64url of HMAC-SHA-256>`
 */
export async function createBinding(keyring: Keyring, evidence: BindingEvidence): Promise<string> {
  const binding = await bindWith(keyring, keyring.currentKid, evidence);
  if (binding === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  return binding;
}

/** True when the binding was made of this evidence, under the current key or an older one. */
export async function matchesBinding(
  keyring: Keyring,
  binding: string,
  evidence: BindingEvidence,
): Promise<boolean> {
  const expected = await bindWith(keyring, binding.split(".", 1)[0] ?? "", evidence);
  return expected !== null && equalInConstantTime(expected, binding);
}

async function bindWith(keyring: Keyring, kid: string, evidence: BindingEvidence): Promise<string | null> {
  const key = await keyring.bindingKey(kid);
  if (key === null) return null;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(JSON.stringify(evidence)));
  return `${kid}.${base64urlnopad.encode(new Uint8Array(mac))}`;
}
