/**
 * The one form in which names of headers, cookies and parameters are compared (INC-26): lower case, and every character
 * but a letter or a digit as `_`.
 *
 * CGI and WSGI name a header `HTTP_…` and write such characters as `_`, so `Remote-User`, `Remote_User` and `Remote~User`
 * are one variable there (RFC 3875 4.1.18). PHP does the same with cookies and parameters.
 */
export const foldName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "_");

/** A name that is encoded more often than this is not decoded further by any known server. */
const mostDecodings = 3;

/**
 * {@link foldName} for the name of a cookie or of a query parameter, which servers may also decode, unquote, or cut at an
 * index: `%73id`, `"sid"`, `sid[0]`.
 *
 * @returns the folded names that a server may read, one or two
 */
export function foldParameterName(name: string): readonly string[] {
  const plain = decodeAscii(name).replace(/["']/g, "").trim();
  const whole = foldName(plain);
  const beforeIndex = foldName(plain.split("[", 1)[0] ?? "");
  return whole === beforeIndex ? [whole] : [whole, beforeIndex];
}

/** Decodes escapes of ASCII, as often as known servers do. */
export function decodeAscii(text: string): string {
  let decoded = text;
  for (let round = 0; round < mostDecodings && /%[0-7][0-9a-f]/i.test(decoded); round++)
    decoded = decodeAsciiOnce(decoded);
  return decoded;
}

/** Decodes the escapes of ASCII characters once, and leaves everything else as it is. Separators are ASCII. */
export const decodeAsciiOnce = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
