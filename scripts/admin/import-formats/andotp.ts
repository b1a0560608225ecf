import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { deriveByPbkdf2, openAesGcmWithTag, wrongPassword } from "./decryption.ts";
import { type ImportEntry, toAuthenticator, unreadable } from "./entry.ts";
import { type FormatContext, hasMembers, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, parseJson, readJson, requireShape } from "./json-document.ts";
import { splitLabel } from "./label.ts";

/**
 * A backup of andOTP, plain or encrypted with a password. An encrypted backup is recognised only when `--format` names it: it is random
 * bytes, without a mark.
 */
export const andotp: JsonFormat = {
  name: "andotp",
  title: "an andOTP backup",
  matches: (document) => Array.isArray(document) && hasMembers(document[0], "secret", "type", "label"),
  read: readBackup,
};

const item = z.object({
  secret: z.string(),
  issuer: loose.text(),
  label: loose.text(),
  digits: loose.count(),
  period: loose.count(),
  algorithm: loose.text(),
  type: z.string(),
});

async function* readBackup(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  // An encrypted backup begins with a random byte, which can be a bracket.
  const isPlain = /^\[\s*(?:\{\s*"|\]\s*$)/.test(file.headText);
  const document = isPlain ? await readJson(file) : await file.once("backup", () => open(file, context));
  for (const [index, value] of requireShape(z.array(z.unknown()), document, andotp.title).entries())
    yield toEntry(`entry ${index + 1}`, value);
}

const saltBytes = 12;
const nonceBytes = 12;

/**
 * Since version 0.6.3: the number of iterations (32 bits, big-endian), salt, nonce, and ciphertext with tag; the key is PBKDF2 with
 * HMAC-SHA-1. Before: nonce and ciphertext; the key is the SHA-256 of the password.
 */
async function open(file: ImportFile, context: FormatContext): Promise<unknown> {
  const bytes = await file.document();
  if (bytes.length < 4 + saltBytes + nonceBytes + 16) throw wrongPassword();
  const password = await context.readPassword("Password");
  const iterations = bytes.readUInt32BE(0);
  const salt = bytes.subarray(4, 4 + saltBytes);
  const sealed = bytes.subarray(4 + saltBytes);
  // The old form begins with a random number, which is nearly always larger than this.
  const isPossible = iterations >= 1 && iterations <= maxIterations;
  const key = isPossible && (await deriveByPbkdf2(password, salt, { iterations, hash: "sha1", bytes: 32 }));
  const plain =
    (key && openAesGcmWithTag(key, sealed.subarray(0, nonceBytes), sealed.subarray(nonceBytes))) ||
    openAesGcmWithTag(
      createHash("sha256").update(password).digest(),
      bytes.subarray(0, nonceBytes),
      bytes.subarray(nonceBytes),
    );
  if (plain === null) throw wrongPassword();
  return parseJson(plain.toString("utf8"));
}

/** andOTP draws 140,000 to 160,000. */
const maxIterations = 1_000_000;

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(item, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { type, ...totp } = checked.value;
  const { issuer, account } = splitLabel(checked.value.issuer, checked.value.label);
  return { kind: "account", place, issuer, account, authenticator: toAuthenticator(type, totp) };
}
