import { usageError } from "../failure.ts";
import { aegis } from "./aegis.ts";
import { andotp } from "./andotp.ts";
import { auth0, isAuth0User } from "./auth0.ts";
import { autheliaYaml } from "./authelia.ts";
import { bitwarden } from "./bitwarden.ts";
import { bitwardenCsv } from "./bitwarden-csv.ts";
import { clerk } from "./clerk.ts";
import { csv } from "./csv.ts";
import { enteEncrypted } from "./ente.ts";
import { type ImportFormat, isRecord, type JsonFormat, type TableFormat } from "./format.ts";
import { freeotpPlus } from "./freeotp-plus.ts";
import type { ImportFile } from "./import-file.ts";
import { readJson } from "./json-document.ts";
import { keycloak } from "./keycloak.ts";
import { okta } from "./okta.ts";
import { isPrivacyideaRow, privacyideaCsv, privacyideaYaml } from "./privacyidea.ts";
import { pskc } from "./pskc.ts";
import { isSqlDump, supabaseCsv, supabaseSql } from "./supabase.ts";
import { findDelimiter, firstLineOf, normalizeColumn } from "./table.ts";
import { twofas } from "./twofas.ts";
import { uriList } from "./uri-list.ts";

/** The name of Sallyport's own format: the lines of the service API, which are sent as they are. */
export const ownFormat = "sallyport";

const jsonFormats: readonly JsonFormat[] = [
  aegis,
  twofas,
  freeotpPlus,
  bitwarden,
  enteEncrypted,
  keycloak,
  andotp,
];
/** The last one takes every table with names and secrets. */
const tableFormats: readonly TableFormat[] = [bitwardenCsv, clerk, supabaseCsv, okta, csv];
const otherFormats = [uriList, pskc, autheliaYaml, privacyideaYaml, privacyideaCsv, auth0, supabaseSql];

const formats: ReadonlyMap<string, ImportFormat> = new Map(
  [...otherFormats, ...jsonFormats, ...tableFormats].map((format) => [format.name, format]),
);

/** The values of `--format`. */
export const formatNames: readonly string[] = [ownFormat, ...formats.keys()].sort();

/** Returns the format that `--format` names. */
export function findNamedFormat(name: string): ImportFormat | typeof ownFormat {
  const format = name === ownFormat ? ownFormat : formats.get(name);
  if (format === undefined)
    throw usageError(`There is no format ${name}. The formats are: ${formatNames.join(", ")}.`);
  return format;
}

/**
 * Finds the format of a file by its content.
 *
 * @throws AdminError when no format fits
 */
export async function detectFormat(file: ImportFile): Promise<ImportFormat | typeof ownFormat> {
  const head = file.headText;
  const found =
    (/^otpauth(-migration)?:/i.test(head) && uriList) ||
    (head.startsWith("<") && /<(\w+:)?KeyContainer\b/i.test(head) && pskc) ||
    (/^(#.*\n|---.*\n|\s)*totp_configurations:/.test(head) && autheliaYaml) ||
    (/^(---.*\n)?- /.test(head) && /^ {2}otpkey:/m.test(head) && privacyideaYaml) ||
    (/^[[{]/.test(head) && (await detectJson(file, head))) ||
    (isSqlDump(head) && supabaseSql) ||
    detectTable(firstLineOf(head));
  if (found) return found;
  throw usageError(
    head === "" ? "The file is empty." : "The format of the file is not recognised.",
    `Name it with --format: ${formatNames.join(", ")}.`,
    head.includes("\0") ? "An encrypted andOTP backup has no mark: use --format andotp." : "",
  );
}

/** Tells lines of JSON from a document: the first line of the former, or the second if the first is damaged, is a whole object. */
async function detectJson(file: ImportFile, head: string): Promise<ImportFormat | typeof ownFormat | null> {
  const lines = head.startsWith("{") ? head.trimEnd().split("\n", 2) : [];
  const first = lines.map(parseOrNull).find(isRecord) ?? null;
  const isAlone = isRecord(first) && file.isShort && lines.length === 1;
  if (isRecord(first) && !isAlone) return isAuth0User(first) ? auth0 : ownFormat;
  const document = first ?? (await readJson(file));
  const format = jsonFormats.find((each) => each.matches(document));
  if (format !== undefined) return format;
  if (isAuth0User(Array.isArray(document) ? document[0] : document)) return auth0;
  return isOwnLine(document) ? ownFormat : null;
}

const isOwnLine = (document: unknown): boolean =>
  isRecord(document) &&
  ["username", "id", "exact_name", "otpauth"].some((name) => Object.hasOwn(document, name));

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function detectTable(line: string): ImportFormat | null {
  if (isPrivacyideaRow(line)) return privacyideaCsv;
  const names = line
    .split(findDelimiter(line))
    .map((name) => normalizeColumn(name.replace(/^\s*"|"\s*$/g, "")));
  const columns = new Set(names);
  return tableFormats.find((each) => each.matches(columns)) ?? null;
}
