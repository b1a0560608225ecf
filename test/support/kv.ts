/** Numbers of calls of KV. */
export interface KvCalls {
  gets: number;
  puts: number;
}

/** A KV binding that counts its calls. Calls of the kinds in `failing` reject. */
export function tapKv(
  kv: KVNamespace,
  { failing = [] }: { readonly failing?: readonly ("get" | "put")[] } = {},
): { kv: KVNamespace; calls: KvCalls } {
  const calls = { gets: 0, puts: 0 };
  const tapped = new Proxy(kv, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const isWrite = name === "put" || name === "delete";
      return async (...args: unknown[]) => {
        if (isWrite) calls.puts += 1;
        else calls.gets += 1;
        if (failing.includes(isWrite ? "put" : "get"))
          throw new Error("KV: injected failure: block:secret-key");
        return value.apply(target, args);
      };
    },
  });
  return { kv: tapped, calls };
}
