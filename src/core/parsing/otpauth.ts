import { totpDigits, totpPeriodSeconds } from "../crypto/totp.ts";

/** What a provisioning URI of another system says. */
export interface KeyUri {
  readonly ok: true;
  /** What stands before the colon of the label. */
  readonly issuer: string | null;
  /** The account's name in the label. */
  readonly account: string;
  /** Base32 as it stands there. */
  readonly secret: string;
}

/** Why it was not read. `detail` never repeats what was in it. */
export interface KeyUriError {
  readonly ok: false;
  readonly reason: "invalid_format" | "unsupported_parameters";
  readonly detail: string;
}

/** Parameters that say how the entry looks in an app. Any other that is not known may change its codes. */
const harmless: readonly string[] = ["issuer", "image", "icon", "color"];

/**
 * Reads an `otpauth://` URI (Google's Key URI Format), strictly: visible ASCII, every part percent-encoded, a plus
 * sign being a plus sign, no parameter twice. Codes of another kind than SHA-1, 6 digits and 30 seconds are
 * `unsupported_parameters`.
 */
export function parseKeyUri(uri: string): KeyUri | KeyUriError {
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
  if (!isNumber(digits, totpDigits)) return unsupported(`digits: only ${totpDigits} are supported`);
  if (!isNumber(period, totpPeriodSeconds)) {
    return unsupported(`period: only ${totpPeriodSeconds} seconds are supported`);
  }
  if (Object.keys(others).some((name) => !harmless.includes(name)))
    return unsupported("has a parameter that is not known");
  if (secret === undefined || secret === "") return invalid("has no secret");
  return { ok: true, ...label, secret };
}

const isNumber = (text: string | undefined, wanted: number) => text === undefined || text === String(wanted);

const invalid = (detail: string): KeyUriError => ({ ok: false, reason: "invalid_format", detail });
const unsupported = (detail: string): KeyUriError => ({
  ok: false,
  reason: "unsupported_parameters",
  detail,
});

/**
 * `label = accountname / issuer (":" / "%3A") *"%20" accountname`. Where there is a colon as it stands it is the one
 * that separates, because what is encoded may then belong to a name.
 */
function parseLabel(path: string): Pick<KeyUri, "issuer" | "account"> | null {
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

/** Names and values, decoded. Null: something is no pair, or not percent-encoded. */
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

/** Percent-decoded UTF-8, or null. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
