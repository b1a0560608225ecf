import { vi } from "vitest";

const operations = [
  "sign",
  "verify",
  "encrypt",
  "decrypt",
  "digest",
  "importKey",
  "exportKey",
  "deriveKey",
  "deriveBits",
  "generateKey",
] as const;

/** How often each operation of WebCrypto was called; those that were not are left out. */
export type CryptoCalls = Partial<Record<(typeof operations)[number], number>>;

/** Counts what is asked of WebCrypto while `act` runs. */
export async function countCryptoCalls<T>(act: () => Promise<T>): Promise<{ result: T; calls: CryptoCalls }> {
  const spies = operations.map((name) => [name, vi.spyOn(crypto.subtle, name)] as const);
  try {
    const result = await act();
    const counts = spies.map(([name, spy]) => [name, spy.mock.calls.length] as const);
    return { result, calls: Object.fromEntries(counts.filter(([, count]) => count > 0)) };
  } finally {
    for (const [, spy] of spies) spy.mockRestore();
  }
}
