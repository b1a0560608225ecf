/**
 * Returns the `error` option of a zod schema that expects this type, such as `"string"`. The message of the error names the
 * expected and the received type, and never the value. Needed because zod/mini has no messages of its own.
 */
export function zodExpectedTypeErrorOption(expected: string): {
  readonly error: (issue: { readonly input?: unknown }) => string;
} {
  return { error: ({ input }) => `Invalid input: expected ${expected}, received ${typeOf(input)}` };
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
