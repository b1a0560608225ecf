import * as z from "zod/mini";
import { type ImportEntry, orAbsent, toAuthenticator, unreadable } from "./entry.ts";
import type { ImportFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, requireShape } from "./json-document.ts";
import { readYaml } from "./yaml-document.ts";

/** The file of `authelia storage user totp export`. Its CSV file has named columns, and the third form is a list of URIs. */
export const autheliaYaml: ImportFormat = {
  name: "authelia",
  title: "an Authelia export in YAML",
  read: readExport,
};

const configuration = z.object({
  username: z.string(),
  issuer: loose.text(),
  algorithm: loose.text(),
  digits: loose.count(),
  period: loose.count(),
  /** Base64 of the base32 text. */
  secret: z.string(),
});

async function* readExport(file: ImportFile): AsyncGenerator<ImportEntry> {
  const shape = z.object({ totp_configurations: z.array(z.unknown()) });
  const document = requireShape(shape, await readYaml(file), autheliaYaml.title);
  for (const [index, value] of document.totp_configurations.entries())
    yield toEntry(`totp_configurations[${index}]`, value);
}

function toEntry(place: string, value: unknown): ImportEntry {
  const checked = checkShape(configuration, value);
  if ("wrong" in checked) return unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { username, issuer, secret, algorithm, digits, period } = checked.value;
  const base32 = Buffer.from(secret, "base64").toString("latin1");
  const totp = { secret: base32, algorithm, digits, period };
  return {
    kind: "account",
    place,
    issuer: orAbsent(issuer),
    username,
    authenticator: toAuthenticator("TOTP", totp),
  };
}
