// The part of node:crypto that core uses. `@types/node` would declare all of Node's globals, which a Worker does not
// have.
declare module "node:crypto" {
  /** Throws RangeError unless both have the same length. */
  export function timingSafeEqual(left: Uint8Array, right: Uint8Array): boolean;

  export function scrypt(
    password: string,
    salt: Uint8Array,
    keyLength: number,
    options: { N: number; r: number; p: number; maxmem: number },
    callback: (error: Error | null, derivedKey: Uint8Array) => void,
  ): void;

  export function createHash(algorithm: "sha256"): {
    update(text: string): { digest(): Uint8Array };
  };
}
