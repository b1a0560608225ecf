import { base64urlnopad } from "@scure/base";

/**
 * Encodes the position at which the next page of a list begins. The kind of list is part of the cursor, so that a cursor of
 * one list is rejected by another. A cursor is not secret and grants no access.
 */
export const encodeCursor = (kind: string, position: string): string =>
  base64urlnopad.encode(new TextEncoder().encode(`${kind} ${position}`));

/** Returns the position in a cursor of this kind of list, or null when the text is no such cursor. */
export function parseCursor(kind: string, cursor: string): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(
      base64urlnopad.decode(cursor),
    );
    return text.startsWith(`${kind} `) ? text.slice(kind.length + 1) : null;
  } catch {
    return null;
  }
}
