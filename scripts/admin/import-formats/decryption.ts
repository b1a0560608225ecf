import { createDecipheriv, pbkdf2 as pbkdf2Callback, scrypt as scryptCallback } from "node:crypto";
import { promisify } from "node:util";
import { usageError } from "../failure.ts";

const pbkdf2Async = promisify(pbkdf2Callback);
const scryptAsync = promisify<string | Buffer, Buffer, number, object, Buffer>(scryptCallback);

/** The files name the cost of their password hash. A hostile file must not stop the machine. */
const maxIterations = 10_000_000;
const maxScryptBytes = 1024 * 1024 * 1024;
const maxScryptWork = 2 ** 25;

const tooCostly = () =>
  usageError("The file asks for a password hash that costs too much, or has wrong parameters.");

/** @throws AdminError for parameters that cost too much */
export async function deriveByPbkdf2(
  password: string,
  salt: Uint8Array,
  { iterations, hash, bytes }: { iterations: number; hash: string; bytes: number },
): Promise<Buffer> {
  if (!(Number.isInteger(iterations) && iterations >= 1 && iterations <= maxIterations)) throw tooCostly();
  return pbkdf2Async(password, salt, iterations, bytes, hash);
}

/** @throws AdminError for parameters that cost too much */
export async function deriveByScrypt(
  password: string,
  salt: Buffer,
  { N, r, p, bytes }: { N: number; r: number; p: number; bytes: number },
): Promise<Buffer> {
  const memory = 128 * N * r;
  if (!(memory <= maxScryptBytes && N * r * p <= maxScryptWork)) throw tooCostly();
  return scryptAsync(password, salt, bytes, { N, r, p, maxmem: 2 * memory + 1024 * 1024 }).catch(() => {
    throw tooCostly();
  });
}

/** @returns null when the key is not the right one, or the text was changed */
export function openAesGcm(
  key: Uint8Array,
  { nonce, tag, ciphertext }: { nonce: Uint8Array; tag: Uint8Array; ciphertext: Uint8Array },
): Buffer | null {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return null;
  }
}

/** Like {@link openAesGcm}, with the tag behind the ciphertext. */
export const openAesGcmWithTag = (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Buffer | null =>
  sealed.length < 16
    ? null
    : openAesGcm(key, { nonce, tag: sealed.subarray(-16), ciphertext: sealed.subarray(0, -16) });

/** Creates the error for a file that does not open. */
export const wrongPassword = () =>
  usageError("The password is wrong, or the file was changed. Nothing was imported.");
