import * as z from "zod/mini";
import { usageError } from "../failure.ts";
import { deriveByScrypt, openAesGcm, wrongPassword } from "./decryption.ts";
import { type ImportEntry, orAbsent, toAuthenticator, unreadable } from "./entry.ts";
import { type FormatContext, hasMembers, isRecord, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, parseJson, readJson, requireShape } from "./json-document.ts";

/** The vault of Aegis Authenticator, plain or encrypted with a password (its `docs/vault.md`). */
export const aegis: JsonFormat = {
  name: "aegis",
  title: "an Aegis vault",
  matches: (document) =>
    hasMembers(document, "header", "db") && hasMembers((document as Document).header, "slots"),
  read: readVault,
};

interface Document {
  readonly header: unknown;
}

const hex = () => z.string().check(z.regex(/^([0-9a-f]{2})+$/i));
const params = z.object({ nonce: hex(), tag: hex() });
const vault = z.object({
  header: z.object({ slots: z.nullable(z.array(z.unknown())), params: z.optional(z.nullable(params)) }),
  db: z.unknown(),
});
const contents = z.object({ entries: z.array(z.unknown()) });
const passwordSlotType = 1;
const passwordSlot = z.object({
  type: z.literal(passwordSlotType),
  key: hex(),
  key_params: params,
  n: z.int(),
  r: z.int(),
  p: z.int(),
  salt: hex(),
});
const entry = z.object({
  type: z.string(),
  name: loose.text(),
  issuer: loose.text(),
  info: z.object({ secret: z.string(), algo: loose.text(), digits: loose.count(), period: loose.count() }),
});

async function* readVault(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  const document = requireShape(vault, await readJson(file), aegis.title);
  const db =
    document.header.slots === null ? document.db : await file.once("db", () => open(document, context));
  const { entries } = requireShape(contents, db, aegis.title);
  for (const [index, value] of entries.entries()) yield toEntry(`entry ${index + 1}`, value);
}

async function open({ header, db }: z.output<typeof vault>, context: FormatContext): Promise<unknown> {
  const slots = (header.slots ?? []).filter((slot) => isRecord(slot) && slot.type === passwordSlotType);
  if (slots.length === 0)
    throw usageError(
      "No password opens this vault. Export it from Aegis once more, with a password or without.",
    );
  const { nonce, tag } = requireShape(params, header.params, aegis.title);
  const password = await context.readPassword("Password");
  for (const slot of slots) {
    const key = await openSlot(requireShape(passwordSlot, slot, aegis.title), password);
    const ciphertext = Buffer.from(requireShape(z.string(), db, aegis.title), "base64");
    const plain = key === null ? null : openAesGcm(key, { ...decodeHex({ nonce, tag }), ciphertext });
    if (plain !== null) return parseJson(plain.toString("utf8"));
  }
  throw wrongPassword();
}

async function openSlot(slot: z.output<typeof passwordSlot>, password: string): Promise<Buffer | null> {
  const { n: N, r, p } = slot;
  const derived = await deriveByScrypt(password, Buffer.from(slot.salt, "hex"), { N, r, p, bytes: 32 });
  return openAesGcm(derived, { ...decodeHex(slot.key_params), ciphertext: Buffer.from(slot.key, "hex") });
}

const decodeHex = ({ nonce, tag }: z.output<typeof params>) => ({
  nonce: Buffer.from(nonce, "hex"),
  tag: Buffer.from(tag, "hex"),
});

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(entry, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { type, name, issuer, info } = checked.value;
  const { secret, algo: algorithm, digits, period } = info;
  const authenticator = toAuthenticator(type, { secret, algorithm, digits, period });
  return { kind: "account", place, issuer: orAbsent(issuer), account: orAbsent(name), authenticator };
}
