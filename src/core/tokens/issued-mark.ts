import type { Keyring } from "../crypto/keyring.ts";

/** What is issued under a mark. The mark of one use is not valid for another. */
export type IssuedMarkPurpose = "challenge_address" | "api_key_id";

/**
 * The marks of a random text that Sallyport issues: HMAC-SHA-256, one for each key of `KEYRING`, the current key first.
 *
 * A text without its mark was invented by the client, so it is refused without a trip to the store (INC-30). A mark is
 * no credential: what a text opens, the store decides.
 */
export async function computeIssuedMarks(
  keyring: Keyring,
  use: IssuedMarkPurpose,
  text: string,
): Promise<Uint8Array[]> {
  const said = new TextEncoder().encode(JSON.stringify([use, text]));
  const keys = await Promise.all(keyring.kids.map((kid) => keyring.issuedMarkKey(kid)));
  return Promise.all(
    keys
      .filter((key) => key !== null)
      .map(async (key) => new Uint8Array(await crypto.subtle.sign("HMAC", key, said))),
  );
}
