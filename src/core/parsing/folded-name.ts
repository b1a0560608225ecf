/**
 * Returns the form in which names of headers, cookies and parameters are compared (INC-26): lower case, with `_` in place of
 * every character other than a letter or a digit.
 *
 * CGI and WSGI turn a header into the variable `HTTP_…` and replace such characters by `_`, so `Remote-User`, `Remote_User`
 * and `Remote~User` are the same variable (RFC 3875 4.1.18). PHP does the same with cookies and parameters.
 */
export const foldNameToUnderscores = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "_");

/** No known server decodes a name more often than this. */
const maxDecodings = 3;

/**
 * As {@link foldNameToUnderscores}, for the name of a cookie or of a query parameter. Servers may also decode it, remove quotes, or cut it
 * at an index: `%73id`, `"sid"`, `sid[0]`.
 *
 * @returns the folded names that a server may read, one or two
 */
export function listPossibleFoldedNames(name: string): readonly string[] {
  const plain = decodeAsciiEscapesThreeTimes(name).replace(/["']/g, "").trim();
  const whole = foldNameToUnderscores(plain);
  const beforeIndex = foldNameToUnderscores(plain.split("[", 1)[0] ?? "");
  return whole === beforeIndex ? [whole] : [whole, beforeIndex];
}

/** Decodes escapes of ASCII characters repeatedly, up to the number of times that a known server does. */
export function decodeAsciiEscapesThreeTimes(text: string): string {
  let decoded = text;
  for (let round = 0; round < maxDecodings && /%[0-7][0-9a-f]/i.test(decoded); round++)
    decoded = decodeAsciiEscapesOnce(decoded);
  return decoded;
}

/** Decodes the escapes of ASCII characters once. Other escapes stay: no separator of a header or query is among them. */
export const decodeAsciiEscapesOnce = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
