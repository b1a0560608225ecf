/** What a decoder writes for bytes that are not UTF-8 (the Encoding standard, 4.1). */
const replacementCharacter = "\uFFFD";

/**
 * True when text from a request holds bytes that are not UTF-8 (INC-36). The runtime reads every such byte as the same
 * character, so two different names, paths or credentials would be equal here and different at the origin.
 */
export const isUndecodable = (text: string): boolean => text.includes(replacementCharacter);

/** {@link isUndecodable} for text that is percent-encoded, such as a query: also true for escapes that are not UTF-8. */
export function isUndecodableEncoded(text: string): boolean {
  if (isUndecodable(text)) return true;
  if (!/%[89a-f]/i.test(text)) return false;
  const escapes = text.match(/(?:%[0-9a-f]{2})+/gi) ?? [];
  try {
    return escapes.some((run) => isUndecodable(decodeURIComponent(run)));
  } catch {
    return true;
  }
}
