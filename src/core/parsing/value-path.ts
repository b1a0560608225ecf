/** Where in an answer a value stands. */
export type ValuePath =
  /** The reference tokens of a JSON pointer (RFC 6901), in order. */
  | { readonly kind: "json"; readonly tokens: readonly string[] }
  | { readonly kind: "header"; readonly name: string };

/** Reads `json:/data/user/name` or `header:X-Username`. Null: it is neither. */
export function parseValuePath(text: string): ValuePath | null {
  const header = /^header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$/.exec(text)?.[1];
  if (header !== undefined) return { kind: "header", name: header };
  const pointer = /^json:((?:\/(?:[^~/]|~[01])*)+)$/.exec(text)?.[1];
  if (pointer === undefined) return null;
  // RFC 6901 4: `~1` first, so that `~01` is `~1` and not `/`.
  const tokens = pointer.split("/").slice(1);
  return { kind: "json", tokens: tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~")) };
}

/** The value at the place that the tokens name, or undefined where there is none. */
export function locate(document: unknown, tokens: readonly string[]): unknown {
  let value = document;
  for (const token of tokens) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}
