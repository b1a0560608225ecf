import type { RightCodeDetails } from "./submitted-code.ts";

const secondFactorMethods = { totp: "otp", backup_code: "backup_code" } as const;

/** The `amr` of a session (RFC 8176) after it has shown a second factor, which replaces an earlier one. */
export function addSecondFactorToAmr(
  amr: readonly string[],
  { method }: Pick<RightCodeDetails, "method">,
): string[] {
  return [...removeSecondFactorFromAmr(amr), secondFactorMethods[method]];
}

/** The `amr` of a session whose account has no second factor any more. */
export function removeSecondFactorFromAmr(amr: readonly string[]): string[] {
  const second: readonly string[] = Object.values(secondFactorMethods);
  return amr.filter((method) => !second.includes(method));
}
