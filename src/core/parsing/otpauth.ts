import { describeUnsupportedTotpParameters, enrolAgainAdvice } from "./totp-parameters.ts";

/** The contents of a provisioning URI from another system. */
export interface ParsedOtpauthUri {
  readonly ok: true;
  /** The parameter `issuer`, or else the part of the label before the colon. */
  readonly issuer: string | null;
  /** The part of the label after the colon: the account's name. "" where there is none. */
  readonly account: string;
  /** Base32 as in the URI, not checked. */
  readonly secret: string;
}

/** The reason why a URI was rejected. `detail` contains no part of the label and no secret. */
export interface InvalidOtpauthUri {
  readonly ok: false;
  /** `unsupported_parameters`: the authenticator works, but its codes are not accepted here. */
  readonly reason: "invalid_format" | "unsupported_parameters";
  readonly detail: string;
}

/**
 * The parameters that determine the codes, and the issuer. All others are ignored, as authenticators ignore them: `codeDisplay`,
 * `creator`, `serial`, `lock`, `image`. KeePassXC writes `encoder` for Steam codes.
 */
const knownParameters = ["secret", "issuer", "algorithm", "digits", "period", "encoder"] as const;

type Parameters = Partial<Record<(typeof knownParameters)[number], string>>;

/**
 * Parses an `otpauth://` URI (Google's Key URI Format) as leniently as authenticators do. It ignores white space around the URI, a
 * fragment, and unknown or empty parameters, and accepts names in upper case and characters that should be percent-encoded.
 *
 * @returns the account and its secret; `unsupported_parameters` for codes other than TOTP with SHA-1, 6 digits and 30 seconds;
 *   `invalid_format` for any other fault, such as a known parameter with two values, of which authenticators use different ones
 */
export function parseOtpauthUri(uri: string): ParsedOtpauthUri | InvalidOtpauthUri {
  const [, type, path = "", query] = /^otpauth:\/\/([a-z]+)(?:\/([^?]*))?\?([^#]*)/i.exec(uri.trim()) ?? [];
  if (type === undefined || query === undefined) return invalid("is not an otpauth:// URI");
  if (type.toLowerCase() !== "totp") return unsupported(describeType(type.toLowerCase()));
  const parameters = parseParameters(query);
  if (typeof parameters === "string") return invalid(parameters);
  const { secret = "", issuer = "", encoder = "" } = parameters;
  const unsupportedParameters = describeUnsupportedTotpParameters(parameters);
  if (unsupportedParameters !== null) return unsupported(unsupportedParameters);
  if (encoder !== "") return unsupported(`has an encoder. ${enrolAgainAdvice}`);
  if (secret.trim() === "") return invalid("has no secret");
  const label = parseLabel(path, issuer);
  if (label === null) return invalid("has a label that is not UTF-8");
  return { ok: true, issuer: issuer || label.issuer || null, account: label.account, secret };
}

const describeType = (type: string) =>
  `has ${type === "hotp" ? "codes that are counted (HOTP)" : "another type than totp"}. ${enrolAgainAdvice}`;

const invalid = (detail: string): InvalidOtpauthUri => ({ ok: false, reason: "invalid_format", detail });
const unsupported = (detail: string): InvalidOtpauthUri => ({
  ok: false,
  reason: "unsupported_parameters",
  detail,
});

/**
 * Parses `label = accountname / issuer (":" / "%3A") *"%20" accountname`. If there is a literal colon, it is the separator,
 * and encoded colons are part of a name. A plus sign is part of a name (`ada+shop@example.com`). It is a space only if the issuer in
 * the label then equals the parameter `issuer`, which shows that the label is form-encoded.
 *
 * @param issuerParameter "" where there is none
 * @returns null when the label has bytes that are not UTF-8 (INC-36)
 */
function parseLabel(path: string, issuerParameter: string): { issuer: string; account: string } | null {
  const label = splitLabel(path);
  if (!path.includes("+") || issuerParameter === "" || label?.issuer === issuerParameter) return label;
  const asForm = splitLabel(path.replaceAll("+", " "));
  return asForm?.issuer === issuerParameter ? asForm : label;
}

function splitLabel(path: string): { issuer: string; account: string } | null {
  const isEncoded = !path.includes(":");
  const text = isEncoded ? decode(path) : path;
  if (text === null) return null;
  const colon = text.indexOf(":");
  const parts = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  const [issuer, account] = isEncoded ? parts : parts.map(decode);
  if (typeof issuer !== "string" || typeof account !== "string") return null;
  return { issuer, account: account.trimStart() };
}

/** Returns the values of the known parameters, or a message about the first invalid one. Unknown parameters are ignored. */
function parseParameters(query: string): Parameters | string {
  const parameters: Parameters = {};
  for (const pair of query.replaceAll("+", " ").split("&")) {
    const [name = ""] = pair.split("=", 1);
    const written = decode(name)?.trim().toLowerCase();
    const known = knownParameters.find((known) => known === written);
    if (known === undefined) continue;
    const value = decode(pair.slice(name.length + 1));
    if (value === null) return `has a parameter ${known} that is not UTF-8`;
    const before = parameters[known];
    if (before !== undefined && before !== value)
      return `has the parameter ${known} twice, with different values`;
    parameters[known] = value;
  }
  return parameters;
}

/** Returns the percent-decoded text, or null for bytes that are not UTF-8. A `%` without two hexadecimal digits is itself. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  } catch {
    return null;
  }
}
