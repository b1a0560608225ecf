/**
 * Returns the `error` option for a schema that expects this type. The message names the expected and the received type, and
 * never the value. Needed because zod/mini has no messages of its own.
 */
export function zodTypeError(expected: string): {
  readonly error: (issue: { readonly input?: unknown }) => string;
} {
  return { error: ({ input }) => `Invalid input: expected ${expected}, received ${typeOf(input)}` };
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
