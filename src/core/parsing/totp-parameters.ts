import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** What another system says about the codes of a secret. Undefined and "" are the default, which is supported. */
export interface ImportedTotpParameters {
  readonly algorithm?: string | undefined;
  /** A number, or its text. */
  readonly digits?: string | number | undefined;
  /** In seconds: a number, or its text. */
  readonly period?: string | number | undefined;
}

/** The reason that follows each finding: a code with other parameters is never accepted, so there is nothing to import. */
export const enrolAgainAdvice = `Only SHA-1, ${totpDigits} digits and ${totpPeriodSeconds} seconds are supported, so the user has to enrol again.`;

/**
 * Returns why codes with these parameters are not accepted here, or null when they are (URI-03, OTP-07). Names are read in
 * the spellings of the systems that export them: `SHA1`, `sha-1`, `HmacSHA1`, `HMAC_SHA1`; `6`, `"6"`, `"06"`, `"6.0"`. The
 * text repeats a value only when it is the name of a hash function or a number of at most four digits.
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
