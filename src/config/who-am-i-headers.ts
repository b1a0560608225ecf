import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";

/** Headers that `WHOAMI_HEADERS` adds to each request to the who-am-I. */
export type FixedHeaders = readonly (readonly [name: string, value: string])[];

/**
 * Folded names (`core/parsing/folded-name.ts`) of headers that `WHOAMI_HEADERS` can't set: they carry a credential or describe the
 * visitor (INC-25), or belong to the connection or the body (RFC 9110 7.6.1).
 */
const reservedNames = [
  ...["Authorization", "Proxy-Authorization", "Cookie", "Forwarded"],
  ...[
    "Host",
    "Content-Length",
    "Content-Type",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
  ],
  ...["Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Expect", "Origin", "Referer"],
].map(foldNameToUnderscores);
const reservedFamilies = ["X-Forwarded-", "X-Sallyport-", "Remote-", "CF-", "Sec-"].map(
  foldNameToUnderscores,
);

const maxHeaders = 16;

/**
 * Parses `WHOAMI_HEADERS`: a JSON object of header names and values.
 *
 * @param credentialNames the headers of `ORIGIN_CREDENTIALS`, which carry a credential of the visitor
 * @returns the headers, or a message that says what is wrong. The message contains no value
 */
export function parseWhoAmIHeaders(text: string, credentialNames: readonly string[]): FixedHeaders | string {
  const headers = parseObject(text);
  if (headers === null)
    return 'must be a JSON object of names and values, such as {"X-Requested-With":"XMLHttpRequest"}';
  if (headers.length > maxHeaders) return `has more than ${maxHeaders} headers`;
  const credentials = credentialNames.map(foldNameToUnderscores);
  const names = new Set<string>();
  for (const [name, value] of headers) {
    const folded = foldNameToUnderscores(name);
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name))
      return "has a name with other characters than letters, digits and -";
    if (names.has(folded)) return `has ${name} twice`;
    names.add(folded);
    if (reservedNames.includes(folded) || reservedFamilies.some((family) => folded.startsWith(family)))
      return `must not have ${name}, which Sallyport or the connection sets`;
    if (credentials.includes(folded)) return `must not have ${name}, which ORIGIN_CREDENTIALS names`;
    if (!/^[!-~](?:[ -~]{0,1022}[!-~])?$/.test(value))
      return `has a value for ${name} that is no header value in ASCII`;
  }
  return headers;
}

/** Returns the members of a JSON object whose values are strings, or null for any other text. */
function parseObject(text: string): FixedHeaders | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null;
    const entries = Object.entries(parsed);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === "string") ? entries : null;
  } catch {
    return null;
  }
}
