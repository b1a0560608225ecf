/** The characters of a header's name that are neither letters nor digits (RFC 9110 5.6.2). */
export const separators = [..."!#$%&'*+-.^_`|~"];

/** The parts of a folded name: `x_user` is `x` and `user`. */
export const partsOf = (folded: string): readonly string[] => folded.split("_");

export const anySeparator = "[^a-z0-9]";

/** A pattern for a folded name in every spelling, for names in lower case. */
export const spellingsOf = (folded: string): string => partsOf(folded).join(anySeparator);

/** A pattern for all names of these families. */
export const familyPattern = (families: readonly string[]): string =>
  `^(${families.map(spellingsOf).join("|")})(${anySeparator}|$)`;

/** A pattern for exactly these names. */
export const wholePattern = (names: readonly string[]): string => `^(${names.map(spellingsOf).join("|")})$`;
