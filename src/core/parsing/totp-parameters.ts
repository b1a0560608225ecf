import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** The TOTP parameters that another system exports with a secret. Undefined and "" mean the default: SHA-1, 6 digits, 30 seconds. */
export interface ImportedTotpParameters {
  readonly algorithm?: string | undefined;
  /** A number, or its text. */
  readonly digits?: string | number | undefined;
  /** In seconds: a number, or its text. */
  readonly period?: string | number | undefined;
}

/** The sentence at the end of each message about unsupported parameters. Codes with other parameters are never accepted. */
export const enrolAgainAdvice = `Only SHA-1, ${totpDigits} digits and ${totpPeriodSeconds} seconds are supported, so the user has to enrol again.`;

/**
 * Returns a message that describes the unsupported parameters, or null when all are supported (URI-03, OTP-07). Accepts the
 * spellings of other systems: `SHA1`, `sha-1`, `HmacSHA1`, `HMAC_SHA1`; `6`, `"6"`, `"06"`, `"6.0"`. The message repeats a value only
 * if it is the name of a hash function or a number of at most four digits.
 */
export function describeUnsupportedTotpParameters(parameters: ImportedTotpParameters): string | null {
  const { algorithm = "", digits = "", period = "" } = parameters;
  const hash = algorithm
    .replace(/[\s_-]/g, "")
    .toUpperCase()
    .replace(/^HMAC/, "");
  const found = [
    hash === "" || hash === "SHA1" ? "" : describeHash(hash),
    describeNumber("digits", digits, totpDigits),
    describeNumber("period", period, totpPeriodSeconds),
  ].filter((text) => text !== "");
  return found.length === 0 ? null : `has ${found.join(", ")}. ${enrolAgainAdvice}`;
}

function describeHash(hash: string): string {
  const [, bits] = /^SHA(224|256|384|512)$/.exec(hash) ?? [];
  if (bits !== undefined) return `algorithm SHA-${bits}`;
  return hash === "MD5" ? "algorithm MD5" : "another algorithm";
}

/** "" when the number is the supported one, or left out. */
function describeNumber(name: string, given: string | number, supported: number): string {
  const text = String(given).trim();
  if (text === "") return "";
  const [, number] = /^0*(\d{1,4})(?:\.0*)?$/.exec(text) ?? [];
  if (number === undefined) return `${name} of another form`;
  return Number(number) === supported ? "" : `${name} ${number}`;
}
