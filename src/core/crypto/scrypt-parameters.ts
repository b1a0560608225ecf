/** What a scrypt hash was made with (RFC 7914 2), and how long its salt and hash are. */
export interface ScryptParameters {
  /** N = 2^logN. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly saltBytes: number;
  readonly hashBytes: number;
}

/** Whether a password can be compared under these parameters. `detail` names the parameter, and never a value. */
export type ScryptSupport =
  | { readonly kind: "usable" }
  /** scrypt, but more work or memory than one sign-in may take here. */
  | { readonly kind: "too_costly"; readonly detail: string }
  /** Not scrypt at all, or nothing that a password hash is made with. */
  | { readonly kind: "unsupported"; readonly detail: string };

/** What the platform allows for N·r·p: above it scrypt throws in production, and not in a local run. */
const mostWork = 1_048_576;

/** Of the 128 MiB that an isolate has. A hash by `hashPassword` takes 16 MiB. */
const mostMemoryBytes = 64 * 1024 * 1024;

/** Inclusive. A short hash would match other passwords by chance. */
const ranges = {
  logN: [1, 24],
  r: [1, 32],
  p: [1, 64],
  saltBytes: [1, 64],
  hashBytes: [16, 64],
} as const;

/**
 * Judges the parameters of a scrypt hash. The only place with their bounds: asked when a hash is imported, and again
 * before each comparison, because a row may be older than a bound (INC-30).
 *
 * N·r·p bounds the time of the mixing, 128·N·r the memory; r and p are bounded by themselves, because PBKDF2 runs over
 * 128·r·p bytes whatever N is (RFC 7914 6).
 */
export function classifyScryptParameters(parameters: ScryptParameters): ScryptSupport {
  for (const name of ["logN", "r", "p", "saltBytes", "hashBytes"] as const) {
    const [least, most] = ranges[name];
    const value = parameters[name];
    if (!Number.isInteger(value) || value < least || value > most)
      return { kind: "unsupported", detail: `scrypt: ${name} must be from ${least} to ${most}` };
  }
  const { logN, r, p } = parameters;
  // RFC 7914 2: N < 2^(128·r/8). An implementation that gets more refuses it.
  if (logN >= 16 * r) return { kind: "unsupported", detail: "scrypt: N must be below 2^(16·r)" };
  const N = 2 ** logN;
  if (N * r * p > mostWork) return { kind: "too_costly", detail: `scrypt: N·r·p is above ${mostWork}` };
  if (128 * N * r > mostMemoryBytes)
    return { kind: "too_costly", detail: `scrypt: 128·N·r is above ${mostMemoryBytes} bytes` };
  return { kind: "usable" };
}
