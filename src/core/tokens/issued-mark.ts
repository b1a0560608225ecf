import type { Keyring } from "../crypto/keyring.ts";

/**
 * What Sallyport appends a mark to: the secret in a challenge's address, or the id of an API key. The mark is an HMAC that
 * shows that Sallyport generated the text. A mark for one purpose is not valid for another.
 */
export type IssuanceMacPurpose = "challenge_address" | "api_key_id";

/**
 * Computes the marks of a random text: HMAC-SHA-256, one for each key of `KEYRING`, the current key first.
 *
 * Sallyport appends the mark to the random texts that it issues. A text without its mark was invented by a client, and is
 * rejected without a request to D1 (INC-30). A mark is no credential: D1 decides whether the text grants access.
 */
export async function computeIssuanceMacs(
  keyring: Keyring,
  purpose: IssuanceMacPurpose,
  text: string,
): Promise<Uint8Array[]> {
  const message = new TextEncoder().encode(JSON.stringify([purpose, text]));
  const keys = await Promise.all(keyring.kids.map((kid) => keyring.issuedMarkKey(kid)));
  return Promise.all(
    keys
      .filter((key) => key !== null)
      .map(async (key) => new Uint8Array(await crypto.subtle.sign("HMAC", key, message))),
  );
}
