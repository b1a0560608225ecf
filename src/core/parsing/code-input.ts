/** What a person may give as second factor, in canonical form. */
export type CodeInput =
  | { readonly kind: "totp"; readonly code: string }
  | { readonly kind: "backup_code"; readonly code: string };

/** Longer input is refused before anything looks at it. A code with generous spacing has far fewer characters. */
const longestInput = 64;

/** The hyphens that keyboards and word processors put where a person types one, and any white space. */
const separators = /[\s\-\u2010-\u2013]/gu;

/**
 * What a person typed as second factor: a TOTP code, a backup code, or neither (null). White space and hyphens are
 * dropped.
 *
 * A TOTP code is exactly six ASCII digits; digits of other scripts are refused, not converted. A backup code is eight
 * characters of Crockford's alphabet in any case, with O read as 0 and I and L as 1; it is returned in its canonical
 * form: upper case, no hyphen.
 */
export function parseCodeInput(text: string): CodeInput | null {
  if (text.length > longestInput) return null;
  const code = text.replace(separators, "");
  if (/^[0-9]{6}$/.test(code)) return { kind: "totp", code };
  // ASCII is asked for before the case is changed: the upper case of a dotless i, for one, is an ASCII letter.
  if (!/^[0-9A-Za-z]{8}$/.test(code)) return null;
  const canonical = code.toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1");
  return canonical.includes("U") ? null : { kind: "backup_code", code: canonical };
}
