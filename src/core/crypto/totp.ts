import { base32nopad } from "@scure/base";

/** Length of a time step (RFC 6238 5.2). Some authenticator apps ignore any other value. */
export const totpPeriodSeconds = 30;

/** Number of digits of a code. Some authenticator apps ignore any other value. */
export const totpDigits = 6;

/**
 * Number of time steps accepted before and after the current one, so that a phone whose clock is 30 s off still works.
 * RFC 6238 5.2 recommends at most one step for network delay.
 */
export const maxTotpDriftSteps = 1;

/** Length of a new secret: 160 bits, which RFC 4226 4 (R6) recommends. */
export const totpSecretBytes = 20;

/** Returns a new random secret of 160 bits as base32 text: upper case, no padding, 32 characters. */
export function generateTotpSecret(): string {
  return base32nopad.encode(crypto.getRandomValues(new Uint8Array(totpSecretBytes)));
}

/**
 * Decodes a base32 secret (RFC 4648 6: upper case, no padding).
 *
 * @throws Error when the text is empty or not such base32, or when unused bits of its last character are set. The message
 * does not contain the text
 */
export function decodeTotpSecret(base32: string): Uint8Array {
  let secret: Uint8Array;
  try {
    secret = base32nopad.decode(base32);
  } catch {
    // The library's error message contains the text, and a secret must not reach a log.
    throw new Error("The TOTP secret is not base32 (RFC 4648: A-Z, 2-7, no padding)");
  }
  if (secret.length === 0) throw new Error("The TOTP secret is empty");
  return secret;
}

/**
 * Computes the HOTP value of a counter (RFC 4226 5.3) with HMAC-SHA-1. Leading zeros are kept.
 *
 * @param secret at least one byte
 * @param counter whole number from 0 to 2^53 - 1; for TOTP the time step (RFC 6238 4.2)
 * @param digits 6, 7 or 8
 * @returns exactly `digits` ASCII digits
 * @throws RangeError when `counter` or `digits` is outside its range
 */
export async function computeHotp(secret: Uint8Array, counter: number, digits: number): Promise<string> {
  // The truncated value has 31 bits: a ninth digit would not be uniform, and fewer than six are forbidden.
  if (![6, 7, 8].includes(digits)) throw new RangeError("A code has 6, 7 or 8 digits");
  const sign = await importSecret(secret);
  return String(truncate(await sign(counter), digits)).padStart(digits, "0");
}

/**
 * Returns the time step of `now`: the number of whole periods since the Unix epoch (RFC 6238 4.2).
 *
 * @throws RangeError when `now` is an invalid date or before 1970
 */
export function computeTimeStep(now: Date): number {
  const step = Math.floor(now.getTime() / 1000 / totpPeriodSeconds);
  if (!(step >= 0)) throw new RangeError("The time must be a valid date from 1970 on");
  return step;
}

/**
 * Finds the time step whose code is `code`, among the current step and `maxTotpDriftSteps` on either side. Null: none has it.
 *
 * A match says that the code is right, not that it is unused: the caller must spend the step (RFC 6238 5.2, one-time use).
 * All candidates are computed, and compared in constant time, so that the response time does not reveal which one matched.
 *
 * @param code the output of `parseSubmittedCode`; any other text matches no step
 * @throws RangeError when `now` is an invalid date or before 1970
 */
export async function findTimeStepOfCode(
  secret: Uint8Array,
  code: string,
  now: Date,
): Promise<number | null> {
  const current = computeTimeStep(now);
  if (!codePattern.test(code)) return null;
  const sign = await importSecret(secret);
  const [given, candidate] = [Uint32Array.of(Number(code)), Uint32Array.of(0)];
  let match: number | null = null;
  for (let step = Math.max(0, current - maxTotpDriftSteps); step <= current + maxTotpDriftSteps; step++) {
    candidate[0] = truncate(await sign(step), totpDigits);
    // If several steps have the same code, the latest one is returned. If an earlier one were spent, the same six digits
    // would be accepted a second time for the later step.
    if (areEqualInConstantTime(candidate, given)) match = step;
  }
  return match;
}

/** All codes have this length, so they can be compared as numbers. */
const codePattern = new RegExp(`^[0-9]{${totpDigits}}$`);

const hmacSha1 = { name: "HMAC", hash: "SHA-1" };

/** Imports a secret. The returned function computes the HMAC of a counter; calls must not overlap, as they share a buffer. */
async function importSecret(secret: Uint8Array): Promise<(counter: number) => Promise<ArrayBuffer>> {
  const key = await crypto.subtle.importKey("raw", secret, hmacSha1, false, ["sign"]);
  // One buffer for all counters, because passing a new buffer to the runtime is slow.
  const message = new DataView(new ArrayBuffer(8));
  return (counter) => {
    if (!Number.isSafeInteger(counter) || counter < 0)
      throw new RangeError("The counter must be from 0 to 2^53 - 1");
    message.setUint32(0, Math.floor(counter / 2 ** 32));
    message.setUint32(4, counter % 2 ** 32);
    return crypto.subtle.sign("HMAC", key, message);
  };
}

/** Truncates an HMAC to a number of so many decimal digits (RFC 4226 5.3). */
function truncate(hmac: ArrayBuffer, digits: number): number {
  const bytes = new DataView(hmac);
  const offset = bytes.getUint8(bytes.byteLength - 1) & 0x0f;
  return (bytes.getUint32(offset) & 0x7fffffff) % 10 ** digits;
}

function areEqualInConstantTime(left: Uint32Array, right: Uint32Array): boolean {
  return crypto.subtle.timingSafeEqual(left, right);
}
