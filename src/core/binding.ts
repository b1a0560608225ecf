import { base64urlnopad } from "@scure/base";
import { equalInConstantTime } from "./constant-time.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Ties a session to what shows its first factor: a keyed hash, so that nobody who reads the store learns the
 * origin's session from it.
 *
 * @param evidence what was shown, such as the values of the origin's session cookies, in a fixed order
 * @returns `<key id>.<base64url of HMAC-SHA-256>`
 */
export async function bindTo(keyring: Keyring, evidence: readonly string[]): Promise<string> {
  const binding = await bindWith(keyring, keyring.currentKid, evidence);
  if (binding === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  return binding;
}

/** Is this the evidence that the binding was made of? The key that made it may be an older one. */
export async function isBoundTo(
  keyring: Keyring,
  binding: string,
  evidence: readonly string[],
): Promise<boolean> {
  const expected = await bindWith(keyring, binding.split(".", 1)[0] ?? "", evidence);
  return expected !== null && equalInConstantTime(expected, binding);
}

async function bindWith(keyring: Keyring, kid: string, evidence: readonly string[]): Promise<string | null> {
  const key = await keyring.bindingKey(kid);
  if (key === null) return null;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(JSON.stringify(evidence)));
  return `${kid}.${base64urlnopad.encode(new Uint8Array(mac))}`;
}
