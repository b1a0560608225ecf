import * as z from "zod/mini";
import { usageError } from "../failure.ts";
import { wrongPassword } from "./decryption.ts";
import type { ImportEntry } from "./entry.ts";
import { type FormatContext, hasMembers, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { readJson, requireShape } from "./json-document.ts";
import { readUriText } from "./uri-list.ts";

/** The encrypted export of Ente Auth. Its plain export is a list of URIs. */
export const enteEncrypted: JsonFormat = {
  name: "ente",
  title: "an encrypted Ente Auth export",
  matches: (document) => hasMembers(document, "kdfParams", "encryptedData", "encryptionNonce"),
  read: readExport,
};

const sealed = z.object({
  kdfParams: z.object({ memLimit: z.int(), opsLimit: z.int(), salt: z.string() }),
  encryptedData: z.string(),
  encryptionNonce: z.string(),
});

async function* readExport(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  const document = requireShape(sealed, await readJson(file), enteEncrypted.title);
  yield* readUriText(await file.once("uris", () => open(document, context)));
}

/** The app takes 1 GiB and 4 passes, or less memory and as many more passes. */
const maxMemoryBytes = 1024 * 1024 * 1024;
const maxWork = 16 * maxMemoryBytes;

/** Argon2id for the key; one message of a secretstream (XChaCha20-Poly1305) whose header is `encryptionNonce`. */
async function open(
  { kdfParams, encryptedData, encryptionNonce }: z.output<typeof sealed>,
  context: FormatContext,
): Promise<string> {
  const { memLimit, opsLimit } = kdfParams;
  if (!(memLimit >= 8192 && memLimit <= maxMemoryBytes && opsLimit >= 1 && memLimit * opsLimit <= maxWork))
    throw usageError("The file asks for a password hash that costs too much, or has wrong parameters.");
  const password = await context.readPassword("Password");
  const { default: sodium } = await import("libsodium-wrappers-sumo");
  await sodium.ready;
  try {
    const decode = (text: string) => sodium.from_base64(text, sodium.base64_variants.ORIGINAL);
    const key = sodium.crypto_pwhash(
      sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES,
      password,
      decode(kdfParams.salt),
      opsLimit,
      memLimit,
      sodium.crypto_pwhash_ALG_ARGON2ID13,
    );
    const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(decode(encryptionNonce), key);
    const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(state, decode(encryptedData), null);
    if (opened !== false) return Buffer.from(opened.message).toString("utf8");
  } catch {
    // The library throws for a wrong length, and in some versions for a wrong key.
  }
  throw wrongPassword();
}
