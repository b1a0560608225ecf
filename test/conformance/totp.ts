// An authenticator app, written from RFC 4226, RFC 6238 and RFC 4648 alone: it knows nothing of the code under test.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The bytes of a base32 text without padding (RFC 4648 6). */
export function decodeBase32(text: string): Uint8Array<ArrayBuffer> {
  const bits = Array.from(text, (character) => {
    const value = alphabet.indexOf(character);
    if (value < 0) throw new Error(`${JSON.stringify(character)} is not base32`);
    return value.toString(2).padStart(5, "0");
  }).join("");
  const bytes = bits.match(/.{8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 2));
}

/** The code of a counter (RFC 4226 5.3). */
export async function hotp(secret: Uint8Array<ArrayBuffer>, counter: number, digits = 6): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const message = new Uint8Array(8);
  for (let i = 7, rest = counter; i >= 0; i--, rest = Math.floor(rest / 256)) message[i] = rest % 256;
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
  const offset = (mac.at(-1) ?? 0) % 16;
  const [a = 0, b = 0, c = 0, d = 0] = mac.slice(offset, offset + 4);
  const value = (a % 128) * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  return String(value % 10 ** digits).padStart(digits, "0");
}

/** The step that a time is in (RFC 6238 4.2). */
export const stepAt = (milliseconds: number): number => Math.floor(milliseconds / 30_000);

/** The code of a base32 secret in a step. */
export const codeOfStep = (secret: string, step: number): Promise<string> => hotp(decodeBase32(secret), step);
