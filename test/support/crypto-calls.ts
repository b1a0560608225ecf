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

/** The number of calls of each operation of WebCrypto, without those that were not called. */
export type CryptoCalls = Partial<Record<(typeof operations)[number], number>>;

/** Counts the calls of WebCrypto while `act` runs. */
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
