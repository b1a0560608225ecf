import { parseOtpauthUri } from "../../../src/core/parsing/otpauth.ts";
import { type AccountEntry, type UnreadableEntry, unreadable } from "./entry.ts";

const startsAsUri = /^otpauth:\/\//i;

/** True for an `otpauth://` URI of any type. */
export const isOtpauthUri = (text: string): boolean => startsAsUri.test(text);

/**
 * Converts an `otpauth://` URI by the rules that the server has for it.
 *
 * @param more what the file says about the account besides the URI
 */
export function readOtpauthEntry(
  place: string,
  uri: string,
  more: Partial<Omit<AccountEntry, "kind" | "place" | "authenticator">> = {},
): AccountEntry | UnreadableEntry {
  const parsed = parseOtpauthUri(uri.trim());
  if (parsed.ok) {
    const { issuer, account, secret } = parsed;
    const label = { issuer: issuer ?? undefined, account: account || undefined };
    return { kind: "account", place, ...label, authenticator: { kind: "totp", secret }, ...more };
  }
  const label = findLabel(uri);
  if (parsed.reason === "unsupported_parameters") {
    const authenticator = { kind: "unsupported", why: parsed.detail } as const;
    return { kind: "account", place, ...label, authenticator, ...more };
  }
  return unreadable(place, `The URI ${parsed.detail}.`, more.username ?? label.account);
}

/** Finds the names in the label of a URI that was refused, for the report. */
function findLabel(uri: string): { issuer?: string; account?: string } {
  const [, path = ""] = /^otpauth:\/\/[^/?#]*\/([^?#]*)/i.exec(uri.trim()) ?? [];
  let label: string;
  try {
    label = decodeURIComponent(path);
  } catch {
    return {};
  }
  const colon = label.indexOf(":");
  const account = label.slice(colon + 1).trim();
  return {
    ...(colon > 0 ? { issuer: label.slice(0, colon) } : {}),
    ...(account === "" ? {} : { account }),
  };
}
