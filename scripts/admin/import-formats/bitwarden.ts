import * as z from "zod/mini";
import { usageError } from "../failure.ts";
import { type ImportEntry, orAbsent, toUnsupported, unreadable } from "./entry.ts";
import { hasMembers, isRecord, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, readJson, requireShape } from "./json-document.ts";
import { isOtpauthUri, readOtpauthEntry } from "./otpauth-entry.ts";

/** An unencrypted JSON export of Bitwarden, Vaultwarden or Bitwarden Authenticator. Passwords are not read: they are those of other sites. */
export const bitwarden: JsonFormat = {
  name: "bitwarden",
  title: "a Bitwarden export",
  matches: (document) =>
    isRecord(document) &&
    typeof document.encrypted === "boolean" &&
    (Array.isArray(document.items) || hasMembers(document, "encKeyValidation_DO_NOT_EDIT")),
  read: readExport,
};

const item = z.object({
  name: loose.text(),
  login: z.optional(z.nullable(z.object({ username: loose.text(), totp: loose.text() }))),
});

async function* readExport(file: ImportFile): AsyncGenerator<ImportEntry> {
  const document = await readJson(file);
  if (isRecord(document) && document.encrypted === true)
    throw usageError(
      "This Bitwarden export is encrypted, and import does not read that.",
      "Export the vault again as .json, which is not encrypted, and delete the file after the import.",
    );
  const { items } = requireShape(z.object({ items: z.array(z.unknown()) }), document, bitwarden.title);
  for (const [index, value] of items.entries()) yield toEntry(`items[${index}]`, value);
}

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(item, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { name, login } = checked.value;
  return readVaultTotp(place, { totp: login?.totp, name, username: login?.username });
}

/**
 * Converts the authenticator of a vault item, which is a URI, `steam://` and a secret, or a bare secret.
 *
 * @param name the site, unless the URI names it
 */
export function readVaultTotp(
  place: string,
  item: {
    totp?: string | null | undefined;
    name?: string | null | undefined;
    username?: string | null | undefined;
  },
): ImportEntry {
  const totp = orAbsent(item.totp);
  if (totp === undefined) return { kind: "irrelevant", place };
  const names = { issuer: orAbsent(item.name), account: orAbsent(item.username) };
  if (/^steam:\/\//i.test(totp))
    return {
      kind: "account",
      place,
      ...names,
      authenticator: toUnsupported("has codes of Steam"),
    };
  if (!isOtpauthUri(totp))
    return { kind: "account", place, ...names, authenticator: { kind: "totp", secret: totp } };
  const entry = readOtpauthEntry(place, totp);
  if (entry.kind === "unreadable") return { ...entry, account: names.account ?? entry.account };
  return { ...entry, issuer: entry.issuer ?? names.issuer, account: names.account ?? entry.account };
}
