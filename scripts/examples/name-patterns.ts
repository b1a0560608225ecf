/** The characters of a header's name that are neither letters nor digits (RFC 9110 5.6.2). */
export const separators = [..."!#$%&'*+-.^_`|~"];

/** The usual spelling of a folded name: `x-user` for `x_user`. */
export const plainName = (folded: string): string => folded.replaceAll("_", "-");

/**
 * Matches names with a character other than letters, digits and `-`, in lower case. Servers fold such names, so each of them can be
 * read as a cleared header. The other patterns are for the remaining names.
 */
export const oddCharacter = "[^a-z0-9-]";

/** A pattern for all names of these families, in lower case. */
export const familyPattern = (families: readonly string[]): string =>
  `^(${families.map(plainName).join("|")})(-|$)`;

/** A pattern for exactly these names, in lower case. */
export const wholePattern = (names: readonly string[]): string => `^(${names.map(plainName).join("|")})$`;
