/** The position of a value in an HTTP response: in its JSON body, or in a header. */
export type HeaderOrJsonPointer =
  /** The reference tokens of a JSON pointer (RFC 6901), in order. */
  | { readonly kind: "json"; readonly tokens: readonly string[] }
  | { readonly kind: "header"; readonly name: string };

/** Parses `json:/data/user/name` or `header:X-Username`. Null: the text is neither. */
export function parseHeaderOrJsonPointer(text: string): HeaderOrJsonPointer | null {
  const header = /^header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$/.exec(text)?.[1];
  if (header !== undefined) return { kind: "header", name: header };
  const pointer = /^json:((?:\/(?:[^~/]|~[01])*)+)$/.exec(text)?.[1];
  if (pointer === undefined) return null;
  // RFC 6901 4: `~1` first, so that `~01` is `~1` and not `/`.
  const tokens = pointer.split("/").slice(1);
  return { kind: "json", tokens: tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~")) };
}

/** Returns the value at this JSON pointer, or undefined when there is none. */
export function readJsonPointerValue(document: unknown, tokens: readonly string[]): unknown {
  let value = document;
  for (const token of tokens) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}
