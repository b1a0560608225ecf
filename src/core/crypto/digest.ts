import { base64urlnopad } from "@scure/base";

/** SHA-256 of a text, base64url without padding. For what is random already, or secret only together with a key. */
export async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64urlnopad.encode(new Uint8Array(hash));
}
