import { base64urlnopad } from "@scure/base";

/** Where a list goes on: opaque to callers, and of one kind of list. It is no secret and opens nothing. */
export const encodeCursor = (kind: string, position: string): string =>
  base64urlnopad.encode(new TextEncoder().encode(`${kind} ${position}`));

/** The position in a cursor of this kind. Null: it is not one. */
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
