import * as z from "zod/mini";
import { deriveByPbkdf2, openAesGcmWithTag, wrongPassword } from "./decryption.ts";
import { type ImportEntry, orAbsent, toAuthenticator, unreadable } from "./entry.ts";
import { type FormatContext, isRecord, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, parseJson, readJson, requireShape } from "./json-document.ts";

/** A backup of 2FAS Auth, plain or encrypted with a password. */
export const twofas: JsonFormat = {
  name: "2fas",
  title: "a 2FAS backup",
  matches: (document) =>
    isRecord(document) &&
    (typeof document.servicesEncrypted === "string" ||
      (Array.isArray(document.services) && Object.hasOwn(document, "schemaVersion"))),
  read: readBackup,
};

const backup = z.object({ services: z.optional(z.array(z.unknown())), servicesEncrypted: loose.text() });
const service = z.object({
  name: loose.text(),
  secret: z.string(),
  otp: z.object({
    label: loose.text(),
    account: loose.text(),
    issuer: loose.text(),
    algorithm: loose.text(),
    digits: loose.count(),
    period: loose.count(),
    tokenType: loose.text(),
  }),
});

async function* readBackup(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  const document = requireShape(backup, await readJson(file), twofas.title);
  const sealed = document.servicesEncrypted;
  const services = sealed ? await file.once("services", () => open(sealed, context)) : document.services;
  for (const [index, value] of requireShape(z.array(z.unknown()), services, twofas.title).entries())
    yield toEntry(`services[${index}]`, value);
}

/** PBKDF2 of the app: HMAC-SHA-256, 10,000 iterations. The text is `ciphertext:salt:nonce` in base64. */
async function open(sealed: string, context: FormatContext): Promise<unknown> {
  const [ciphertext, salt, nonce] = sealed.split(":").map((part) => Buffer.from(part, "base64"));
  if (ciphertext === undefined || salt === undefined || nonce === undefined) throw wrongPassword();
  const password = await context.readPassword("Password");
  const key = await deriveByPbkdf2(password, salt, { iterations: 10_000, hash: "sha256", bytes: 32 });
  const plain = openAesGcmWithTag(key, nonce, ciphertext);
  if (plain === null) throw wrongPassword();
  return parseJson(plain.toString("utf8"));
}

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(service, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { name, secret, otp } = checked.value;
  const authenticator = toAuthenticator(orAbsent(otp.tokenType) ?? "TOTP", { secret, ...otp });
  const account = orAbsent(otp.account) ?? orAbsent(otp.label);
  return { kind: "account", place, issuer: orAbsent(otp.issuer) ?? orAbsent(name), account, authenticator };
}
