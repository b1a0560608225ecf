import { base64urlnopad } from "@scure/base";
import { isEqualInConstantTime } from "../crypto/constant-time.ts";
import type { Keyring } from "../crypto/keyring.ts";
import { computeIssuanceMacs } from "./issued-mark.ts";

const randomBytes = 32;
const markBytes = 16;

/** 256 random bits and a mark of 128 bits, each base64url without padding. */
const secretPattern = /^([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{22})$/;

/** Generates the secret of a hosted challenge's one-time address, with its mark under the current key. */
export async function generateChallengeSecret(keyring: Keyring): Promise<string> {
  const random = base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(randomBytes)));
  const [mark] = await encodeMarks(keyring, random);
  if (mark === undefined) throw new Error("KEYRING has no key");
  return random + mark;
}

/**
 * True when Sallyport has generated this secret: it ends in the mark (an HMAC) that a key of `KEYRING` computes. Does not read
 * D1.
 */
export async function hasValidChallengeSecretMac(keyring: Keyring, text: string): Promise<boolean> {
  const [, random, mark] = secretPattern.exec(text) ?? [];
  if (random === undefined || mark === undefined) return false;
  const marks = await encodeMarks(keyring, random);
  const matches = await Promise.all(marks.map((expected) => isEqualInConstantTime(expected, mark)));
  return matches.includes(true);
}

const encodeMarks = async (keyring: Keyring, random: string): Promise<string[]> =>
  (await computeIssuanceMacs(keyring, "challenge_address", random)).map((mac) =>
    base64urlnopad.encode(mac.slice(0, markBytes)),
  );
