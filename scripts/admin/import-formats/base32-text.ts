import { base32nopad } from "@scure/base";

/** Base32 of the bytes of a secret, as the import takes it. */
export const toBase32 = (bytes: Uint8Array): string => base32nopad.encode(bytes);
