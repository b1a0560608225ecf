import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** The contents of a provisioning URI from another system. */
export interface ParsedOtpauthUri {
  readonly ok: true;
  /** The part of the label before the colon. */
  readonly issuer: string | null;
  /** The part of the label after the colon: the account's name. */
  readonly account: string;
  /** Base32 as in the URI, not checked. */
  readonly secret: string;
}

/** The reason why a URI was rejected. `detail` contains no part of the URI, which has a secret. */
export interface InvalidOtpauthUri {
  readonly ok: false;
  readonly reason: "invalid_format" | "unsupported_parameters";
  readonly detail: string;
}

/** Parameters that only change the appearance in an app. An unknown parameter could change the codes. */
const displayParameters: readonly string[] = ["issuer", "image", "icon", "color"];

/**
 * Parses an `otpauth://` URI (Google's Key URI Format) strictly: it must be visible ASCII with percent-encoded parts, a plus
 * sign is no space, and no parameter may occur twice. Other parameters than SHA-1, 6 digits and 30 seconds are
 * `unsupported_parameters`.
 */
export function parseOtpauthUri(uri: string): ParsedOtpauthUri | InvalidOtpauthUri {
  const [, type, path, query] = /^otpauth:\/\/([a-z]+)\/([^?#]*)\?([^?#]*)$/i.exec(uri) ?? [];
  if (!/^[\x21-\x7e]+$/.test(uri) || type === undefined || path === undefined || query === undefined)
    return invalid("is not an otpauth:// URI");
  if (type.toLowerCase() !== "totp") return unsupported("only otpauth://totp/ is supported");
  const label = parseLabel(path);
  const parameters = parseQuery(query);
  if (label === null || parameters === null) return invalid("has a part that can't be read");
  if (parameters === "twice") return invalid("has a parameter twice");
  const { secret, algorithm = "SHA1", digits, period, ...others } = Object.fromEntries(parameters);
  if (!/^(hmac-?)?sha-?1$/i.test(algorithm)) return unsupported("algorithm: only SHA1 is supported");
  if (!isAbsentOr(digits, totpDigits)) return unsupported(`digits: only ${totpDigits} are supported`);
  if (!isAbsentOr(period, totpPeriodSeconds)) {
    return unsupported(`period: only ${totpPeriodSeconds} seconds are supported`);
  }
  if (Object.keys(others).some((name) => !displayParameters.includes(name)))
    return unsupported("has a parameter that is not known");
  if (secret === undefined || secret === "") return invalid("has no secret");
  return { ok: true, ...label, secret };
}

const isAbsentOr = (text: string | undefined, supported: number) =>
  text === undefined || text === String(supported);

const invalid = (detail: string): InvalidOtpauthUri => ({ ok: false, reason: "invalid_format", detail });
const unsupported = (detail: string): InvalidOtpauthUri => ({
  ok: false,
  reason: "unsupported_parameters",
  detail,
});

/**
 * Parses `label = accountname / issuer (":" / "%3A") *"%20" accountname`. If there is a literal colon, it is the separator,
 * and encoded colons are part of a name.
 */
function parseLabel(path: string): Pick<ParsedOtpauthUri, "issuer" | "account"> | null {
  const colon = path.indexOf(":");
  const [issuer, account] = (
    colon === -1 ? splitAtColon(decode(path)) : [path.slice(0, colon), path.slice(colon + 1)].map(decode)
  ) as (string | null)[];
  if (issuer === null || account === null || account === undefined) return null;
  return { issuer: issuer || null, account: account.trimStart() };
}

function splitAtColon(label: string | null): (string | null)[] {
  if (label === null) return [null, null];
  const colon = label.indexOf(":");
  return colon === -1 ? ["", label] : [label.slice(0, colon), label.slice(colon + 1)];
}

/** Returns the decoded names and values. Null: a part is no pair, or is not percent-encoded. */
function parseQuery(query: string): Map<string, string> | "twice" | null {
  const parameters = new Map<string, string>();
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const name = decode(pair.slice(0, Math.max(0, equals)));
    const value = decode(pair.slice(equals + 1));
    if (equals < 1 || name === null || value === null) return null;
    if (parameters.has(name)) return "twice";
    parameters.set(name, value);
  }
  return parameters;
}

/** Returns the percent-decoded text, or null when it is not well-formed. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
