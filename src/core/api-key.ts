import { base64urlnopad } from "@scure/base";

const idForm = "[a-z2-7]{16}";
const keyForm = new RegExp(`^sp_(${idForm})_[A-Za-z0-9_-]{43}$`);
const secretBytes = 32;

/** A new API key. The whole of it is for its holder only; the store keeps its hash. */
export interface DrawnApiKey {
  /** Public, 80 random bits. */
  readonly id: string;
  /** `sp_<id>_<256 random bits>`. */
  readonly key: string;
}

/** Draws an API key. */
export function drawApiKey(): DrawnApiKey {
  const random = crypto.getRandomValues(new Uint8Array(16));
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const id = Array.from(random, (byte) => alphabet.charAt(byte % alphabet.length)).join("");
  return {
    id,
    key: `sp_${id}_${base64urlnopad.encode(crypto.getRandomValues(new Uint8Array(secretBytes)))}`,
  };
}

/** What may be shown of a key, so that its owner recognises it. */
export const apiKeyPrefix = (id: string): string => `sp_${id}`;

/** The id in a key, or null when the text has not the form of one. */
export const parseApiKeyId = (key: string): string | null => keyForm.exec(key)?.[1] ?? null;
