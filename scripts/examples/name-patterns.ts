/** The characters of a header's name that are neither letters nor digits (RFC 9110 5.6.2). */
export const separators = [..."!#$%&'*+-.^_`|~"];

/** A folded name as proxies and browsers spell it: `x-user` for `x_user`. */
export const plainName = (folded: string): string => folded.replaceAll("_", "-");

/**
 * A pattern for every name with another character than letters, digits and `-`, in lower case. Servers fold such names, so each can be
 * read as a header that is cleared. The other patterns are for the names that are left.
 */
export const oddCharacter = "[^a-z0-9-]";

/** A pattern for all names of these families, in lower case. */
export const familyPattern = (families: readonly string[]): string =>
  `^(${families.map(plainName).join("|")})(-|$)`;

/** A pattern for exactly these names, in lower case. */
export const wholePattern = (names: readonly string[]): string => `^(${names.map(plainName).join("|")})$`;
