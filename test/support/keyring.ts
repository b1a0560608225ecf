import { createKeyring, type Keyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";

/** A keyring of these keys, the current one first. Random bytes unless base64 is given. */
export function keyringOf(...keys: string[]): Keyring {
  const parsed = parseKeyringEntries(
    keys.map((key) => (key.includes(":") ? key : `${key}:${randomKey()}`)).join(","),
  );
  if (!parsed.ok) throw new Error(parsed.message);
  return createKeyring(parsed.entries);
}

/** 32 random bytes, base64. */
export const randomKey = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
