/** The parameters of a scrypt hash (RFC 7914 2), and the lengths of its salt and hash. */
export interface ScryptParameters {
  /** N = 2^logN. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly saltBytes: number;
  readonly hashBytes: number;
}

/** Whether Sallyport computes scrypt with these parameters. `detail` names the parameter and its bound. */
export type ScryptSupport =
  | { readonly kind: "usable" }
  /** Valid parameters that take more work or memory than one sign-in may. */
  | { readonly kind: "too_costly"; readonly detail: string }
  /** Parameters that are invalid, or unusual for a password hash. */
  | { readonly kind: "unsupported"; readonly detail: string };

/** The platform's limit for N·r·p. Above it scrypt throws in production, but not in a local run. */
const maxWork = 1_048_576;

/** Half of an isolate's 128 MiB. A hash of `hashPassword` takes 16 MiB. */
const maxMemoryBytes = 64 * 1024 * 1024;

/** Minimum and maximum, both inclusive. A short hash would match other passwords by chance. */
const ranges = {
  logN: [1, 24],
  r: [1, 32],
  p: [1, 64],
  saltBytes: [1, 64],
  hashBytes: [16, 64],
} as const;

/**
 * Checks the parameters of a scrypt hash against all bounds. Called when a hash is imported, and again before each
 * comparison, because a stored hash may be older than a bound (INC-30).
 *
 * N·r·p bounds the time of the mixing, and 128·N·r the memory. r and p have bounds of their own, because PBKDF2 runs over
 * 128·r·p bytes for every N (RFC 7914 6).
 */
export function classifyScryptParameters(parameters: ScryptParameters): ScryptSupport {
  for (const name of ["logN", "r", "p", "saltBytes", "hashBytes"] as const) {
    const [min, max] = ranges[name];
    const value = parameters[name];
    if (!Number.isInteger(value) || value < min || value > max)
      return { kind: "unsupported", detail: `scrypt: ${name} must be from ${min} to ${max}` };
  }
  const { logN, r, p } = parameters;
  // RFC 7914 2: N < 2^(128·r/8). Implementations reject a larger N.
  if (logN >= 16 * r) return { kind: "unsupported", detail: "scrypt: N must be below 2^(16·r)" };
  const N = 2 ** logN;
  if (N * r * p > maxWork) return { kind: "too_costly", detail: `scrypt: N·r·p is above ${maxWork}` };
  if (128 * N * r > maxMemoryBytes)
    return { kind: "too_costly", detail: `scrypt: 128·N·r is above ${maxMemoryBytes} bytes` };
  return { kind: "usable" };
}
