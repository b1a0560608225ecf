/** A submitted code in canonical form. Not yet compared with anything. */
export type ParsedCode =
  | { readonly kind: "totp"; readonly code: string }
  | { readonly kind: "backup_code"; readonly code: string };

/** Longer input is rejected before it is parsed. A code with spaces is far shorter. */
const maxInputCharacters = 64;

/** White space, the ASCII hyphen, and the other hyphens that keyboards and word processors produce. */
const separators = /[\s\-\u2010-\u2013]/gu;

/**
 * Parses a submitted code: a TOTP code, a backup code, or null for other text. White space and hyphens are removed.
 *
 * A TOTP code is exactly six ASCII digits; digits of other scripts are rejected. A backup code is eight characters of
 * Crockford's alphabet in upper or lower case, with O read as 0, and I and L as 1. It is returned in upper case, without a
 * hyphen.
 */
export function parseSubmittedCode(text: string): ParsedCode | null {
  if (text.length > maxInputCharacters) return null;
  const code = text.replace(separators, "");
  if (/^[0-9]{6}$/.test(code)) return { kind: "totp", code };
  // Checked before the case is changed: the upper case of some other characters, such as the dotless i, is an ASCII letter.
  if (!/^[0-9A-Za-z]{8}$/.test(code)) return null;
  const canonical = code.toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1");
  return canonical.includes("U") ? null : { kind: "backup_code", code: canonical };
}
