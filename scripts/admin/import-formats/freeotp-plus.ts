import * as z from "zod/mini";
import { toBase32 } from "./base32-text.ts";
import { type ImportEntry, orAbsent, toAuthenticator, unreadable } from "./entry.ts";
import { hasMembers, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, readJson, requireShape } from "./json-document.ts";
import { splitLabel } from "./label.ts";

/** The JSON export of FreeOTP+. Its other export is a list of URIs. */
export const freeotpPlus: JsonFormat = {
  name: "freeotp+",
  title: "a FreeOTP+ export",
  matches: (document) => hasMembers(document, "tokens", "tokenOrder"),
  read: readExport,
};

const token = z.object({
  algo: loose.text(),
  digits: loose.count(),
  period: loose.count(),
  issuerExt: loose.text(),
  issuerInt: loose.text(),
  label: loose.text(),
  /** Java's bytes are signed. */
  secret: z.array(z.int().check(z.minimum(-128), z.maximum(255))),
  type: z.string(),
});

async function* readExport(file: ImportFile): AsyncGenerator<ImportEntry> {
  const shape = z.object({ tokens: z.array(z.unknown()) });
  const { tokens } = requireShape(shape, await readJson(file), freeotpPlus.title);
  for (const [index, value] of tokens.entries()) yield toEntry(`tokens[${index}]`, value);
}

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(token, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { algo, digits, period, issuerExt, issuerInt, label, secret, type } = checked.value;
  const authenticator = toAuthenticator(type, {
    secret: toBase32(Uint8Array.from(secret)),
    algorithm: algo,
    digits,
    period,
  });
  const names = splitLabel(orAbsent(issuerExt) ?? issuerInt, label);
  return { kind: "account", place, ...names, authenticator };
}
