import { base64urlnopad } from "@scure/base";
import type { Keyring } from "../crypto/keyring.ts";
import { computeIssuanceMacs } from "./issued-mark.ts";

/** An id is random characters, followed by their mark: an HMAC that shows that Sallyport generated the id (`issued-mark.ts`). */
const randomCharacters = 11;
const markCharacters = 5;
const keyIdPattern = `[a-z2-7]{${randomCharacters + markCharacters}}`;
const keySecretPattern = "[A-Za-z0-9_-]{43}";
const fullKeyPattern = new RegExp(`^sp_(${keyIdPattern})_${keySecretPattern}$`);

/** Source of a regular expression for the beginning of an API key, before its secret. */
export const apiKeyStartPatternSource = `sp_${keyIdPattern}_`;

/** Source of a regular expression for a whole API key. */
export const apiKeyPatternSource = apiKeyStartPatternSource + keySecretPattern;

const secretBytes = 32;

/** A new API key. Only its hash is stored; the key itself is shown once. */
export interface GeneratedApiKey {
  /** Not secret. 16 characters: 55 random bits, and a mark of 25 bits, which shows that Sallyport generated the id. */
  readonly id: string;
  /** `sp_<id>_<256 random bits>`. */
  readonly key: string;
}

/** Generates an API key. The mark of its id is computed with the current key of `KEYRING`. */
export async function generateApiKey(keyring: Keyring): Promise<GeneratedApiKey> {
  const random = toCharacters(crypto.getRandomValues(new Uint8Array(randomCharacters)));
  const [mark] = await encodeMarks(keyring, random);
  if (mark === undefined) throw new Error("KEYRING has no key");
  const id = random + mark;
  return {
    id,
    key: `sp_${id}_${base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(secretBytes)))}`,
  };
}

/**
 * True when Sallyport has generated this id: it ends in the mark that a key of `KEYRING` computes. An invented id has it with
 * a probability of 1 in 33 million. False for ids of before marks were introduced, and for ids whose key is no longer in `KEYRING`.
 */
export async function hasValidApiKeyIdMac(keyring: Keyring, id: string): Promise<boolean> {
  const marks = await encodeMarks(keyring, id.slice(0, randomCharacters));
  return marks.includes(id.slice(randomCharacters));
}

const encodeMarks = async (keyring: Keyring, random: string): Promise<string[]> =>
  (await computeIssuanceMacs(keyring, "api_key_id", random)).map((mac) =>
    toCharacters(mac.slice(0, markCharacters)),
  );

/** Encodes the lowest five bits of each byte in the alphabet of base32. */
const toCharacters = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => "abcdefghijklmnopqrstuvwxyz234567".charAt(byte % 32)).join("");

/** Formats the part of an API key that is not secret, `sp_<id>`, so that an operator recognises the key. */
export const formatApiKeyPrefix = (id: string): string => `sp_${id}`;

/** Returns the id in an API key, or null when the text does not have the form of an API key. */
export const parseApiKeyId = (key: string): string | null => fullKeyPattern.exec(key)?.[1] ?? null;
