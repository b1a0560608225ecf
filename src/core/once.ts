/**
 * What `make` makes, made when it is first asked for and then kept. For what takes time at the start of every isolate, and
 * serves few of them: schemas above all.
 */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
