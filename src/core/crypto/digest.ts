import { base64urlnopad } from "@scure/base";

/**
 * Returns the SHA-256 hash of a text, base64url without padding. A hash protects random texts only: a password or a short
 * code can be found from it by exhaustive search.
 */
export async function sha256Base64url(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64urlnopad.encode(new Uint8Array(hash));
}
