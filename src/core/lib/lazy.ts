/**
 * Returns a function that calls `make` at its first call and returns the same value at every call. For values such as
 * schemas: building all of them when the module is loaded would slow the start of every isolate.
 */
export function lazy<T>(make: () => T): () => T {
  let cached: { readonly value: T } | null = null;
  return () => {
    cached ??= { value: make() };
    return cached.value;
  };
}

/** As {@link lazy}, with one value for each key object. The value is kept as long as the key object exists. */
export function lazyPerObject<Key extends object, T>(make: (key: Key) => T): (key: Key) => T {
  const values = new WeakMap<Key, { readonly value: T }>();
  return (key) => {
    const cached = values.get(key);
    if (cached !== undefined) return cached.value;
    const value = make(key);
    values.set(key, { value });
    return value;
  };
}
