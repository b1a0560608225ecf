import { base64urlnopad } from "@scure/base";
import type { Keyring } from "../crypto/keyring.ts";
import { computeIssuedMarks } from "./issued-mark.ts";

/** The first characters of an id are random, and the rest is their mark. */
const randomCharacters = 11;
const markCharacters = 5;
const idForm = `[a-z2-7]{${randomCharacters + markCharacters}}`;
const secretForm = "[A-Za-z0-9_-]{43}";
const keyForm = new RegExp(`^sp_(${idForm})_${secretForm}$`);

/** A pattern for what stands before the secret of every API key. */
export const apiKeyStart = `sp_${idForm}_`;

/** A pattern for a whole API key. */
export const apiKeyPattern = apiKeyStart + secretForm;

const secretBytes = 32;

/** A new API key. The whole of it is for its holder only; the store keeps its hash. */
export interface GeneratedApiKey {
  /** Public: 55 random bits, and a mark of 25. */
  readonly id: string;
  /** `sp_<id>_<256 random bits>`. */
  readonly key: string;
}

/** Draws an API key, its id marked under the current key. */
export async function generateApiKey(keyring: Keyring): Promise<GeneratedApiKey> {
  const random = toCharacters(crypto.getRandomValues(new Uint8Array(randomCharacters)));
  const [mark] = await writeMarks(keyring, random);
  if (mark === undefined) throw new Error("KEYRING has no key");
  const id = random + mark;
  return {
    id,
    key: `sp_${id}_${base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(secretBytes)))}`,
  };
}

/**
 * Whether an id has the mark of a key of `KEYRING`. One in 33 million invented ids has it too. Ids that were drawn before
 * there were marks have none, and neither has one whose key is gone from `KEYRING`.
 */
export async function isMarkedApiKeyId(keyring: Keyring, id: string): Promise<boolean> {
  const marks = await writeMarks(keyring, id.slice(0, randomCharacters));
  return marks.includes(id.slice(randomCharacters));
}

const writeMarks = async (keyring: Keyring, random: string): Promise<string[]> =>
  (await computeIssuedMarks(keyring, "api_key_id", random)).map((mac) =>
    toCharacters(mac.slice(0, markCharacters)),
  );

/** Five bits of each byte, in the alphabet of base32. */
const toCharacters = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => "abcdefghijklmnopqrstuvwxyz234567".charAt(byte % 32)).join("");

/** What may be shown of a key, so that its owner recognises it. */
export const apiKeyPrefix = (id: string): string => `sp_${id}`;

/** The id in a key, or null when the text has not the form of one. */
export const parseApiKeyId = (key: string): string | null => keyForm.exec(key)?.[1] ?? null;
