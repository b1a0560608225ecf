/**
 * The message of a schema for a value of another type than `expected`: it names both types, and never the value.
 * zod/mini has no messages of its own.
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
