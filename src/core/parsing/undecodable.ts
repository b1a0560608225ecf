/** The character that a decoder writes in place of bytes that are not UTF-8 (the Encoding standard, 4.1). */
const replacementCharacter = "\uFFFD";

/**
 * True when text of a request came from bytes that are not UTF-8 (INC-36). The runtime decodes every such byte to the same
 * character, so names, paths or credentials that differ at the origin could be equal here.
 */
export const hasReplacementCharacter = (text: string): boolean => text.includes(replacementCharacter);

/**
 * True when percent-encoded text, such as a query, has escapes of bytes that are not UTF-8 (`%FF`), or when
 * {@link hasReplacementCharacter} is true for it. A `%` without two hexadecimal digits is no escape.
 */
export function hasNonUtf8Escapes(text: string): boolean {
  if (hasReplacementCharacter(text)) return true;
  if (!/%[89a-f]/i.test(text)) return false;
  const escapes = text.match(/(?:%[0-9a-f]{2})+/gi) ?? [];
  try {
    return escapes.some((run) => hasReplacementCharacter(decodeURIComponent(run)));
  } catch {
    return true;
  }
}
