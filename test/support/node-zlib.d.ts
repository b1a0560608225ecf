/** The part of the runtime's `node:zlib` that the tests use. */
declare module "node:zlib" {
  export function gzipSync(data: string): Uint8Array<ArrayBuffer>;
  export function brotliCompressSync(data: string): Uint8Array<ArrayBuffer>;
}
