import * as z from "zod/mini";
import { toBase32 } from "./base32-text.ts";
import { type Authenticator, type ImportEntry, orAbsent, toAuthenticator, unreadable } from "./entry.ts";
import type { ImportFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, requireShape } from "./json-document.ts";
import { readRows } from "./table.ts";
import { readYaml } from "./yaml-document.ts";

/** `privacyidea-token-janitor find --action export --yaml`. Unlike the PSKC file it names the owners. */
export const privacyideaYaml: ImportFormat = {
  name: "privacyidea",
  title: "a privacyIDEA export in YAML",
  read: readTokens,
};

/** `privacyidea-token-janitor find --action export --csv`: `owner, serial, otpkey, type, otplen, timeStep`, without a heading. */
export const privacyideaCsv: ImportFormat = {
  name: "privacyidea-csv",
  title: "a privacyIDEA export in CSV",
  read: readRowsOfTokens,
};

/** True for the first line of {@link privacyideaCsv}. */
export const isPrivacyideaRow = (line: string): boolean =>
  /^[^,]+, [^,]+, [0-9A-Za-z]+, (totp|hotp), \d+(, (None|\d+))?$/.test(line);

const token = z.object({
  owner: loose.text(),
  serial: loose.text(),
  otpkey: z.string(),
  otplen: loose.count(),
  tokentype: loose.text(),
  type: loose.text(),
  info_list: z.optional(z.nullable(z.object({ timeStep: loose.count(), hashlib: loose.text() }))),
});

async function* readTokens(file: ImportFile): AsyncGenerator<ImportEntry> {
  const tokens = requireShape(z.array(z.unknown()), await readYaml(file), privacyideaYaml.title);
  for (const [index, value] of tokens.entries()) {
    const place = `entry ${index + 1}`;
    const checked = checkShape(token, value);
    if ("wrong" in checked) {
      yield unreadable(place, `${checked.wrong} is missing or has another form.`);
      continue;
    }
    const { owner, serial, otpkey, otplen, info_list: info } = checked.value;
    const type = orAbsent(checked.value.type) ?? checked.value.tokentype ?? "";
    const parameters = { algorithm: info?.hashlib, digits: otplen, period: info?.timeStep };
    yield toEntry(place, { owner, serial, otpkey, type, ...parameters });
  }
}

async function* readRowsOfTokens(file: ImportFile): AsyncGenerator<ImportEntry> {
  for await (const { line, cells } of readRows(file)) {
    const [owner, serial, otpkey, type, otplen, timeStep] = cells;
    if (otpkey === undefined || type === undefined || otplen === undefined)
      yield unreadable(`line ${line}`, "The row has too few cells.");
    else {
      // Some versions write `None` for every token, because they misspell the name of the field.
      const period = timeStep === "None" ? undefined : timeStep;
      yield toEntry(`line ${line}`, {
        owner,
        serial,
        otpkey,
        type,
        algorithm: undefined,
        digits: otplen,
        period,
      });
    }
  }
}

interface Token {
  readonly owner: string | null | undefined;
  readonly serial: string | null | undefined;
  readonly otpkey: string;
  readonly type: string;
  readonly algorithm: string | null | undefined;
  readonly digits: string | number | null | undefined;
  readonly period: string | number | null | undefined;
}

function toEntry(place: string, { owner, serial, otpkey, type, ...parameters }: Token): ImportEntry {
  // The owner is `login@realm`, and `n/a` without one.
  const login = owner === "n/a" ? undefined : orAbsent(owner)?.replace(/@[^@]*$/, "");
  // Hexadecimal, or base32 with the option --b32, which has letters after F.
  const isHex = /^([0-9a-f]{2})+$/i.test(otpkey);
  const secret = isHex ? toBase32(Buffer.from(otpkey, "hex")) : otpkey;
  const authenticator: Authenticator = toAuthenticator(type, { secret, ...parameters });
  return { kind: "account", place, username: login, serial: orAbsent(serial), authenticator };
}
