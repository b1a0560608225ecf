/**
 * What the Worker's code uses of its platform's Web Crypto, for the type check of the admin program, which judges users by
 * the Worker's own rules (`import-judge.ts`). Nothing that the program calls reaches `timingSafeEqual`, which Node does not have.
 */
interface SubtleCrypto {
  timingSafeEqual(left: ArrayBufferView, right: ArrayBufferView): boolean;
  importKey(
    format: "raw",
    keyData: Uint8Array,
    algorithm: { name: string; hash: string },
    extractable: boolean,
    usages: ("sign" | "verify")[],
  ): Promise<CryptoKey>;
}
