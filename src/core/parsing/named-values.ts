/** A name and a value from a request, neither decoded nor unquoted. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** The cookies or query parameters of a request that have one of the given names. */
export interface NamedValuesWithAmbiguity {
  /** The names and values, in the order of the request. */
  readonly values: readonly NamedValue[];
  /**
   * Two servers may read different values: a name is misspelled, occurs with two values, or is split from its neighbours
   * at a separator that only some servers know (INC-23).
   */
  readonly isAmbiguous: boolean;
  /** A name occurs more than once. */
  readonly isRepeated: boolean;
}

/**
 * Returns all the values, and whether two servers may read different ones from the request. That is so when one of the
 * names is spelled otherwise than in `names`, when a name has two different values, or when `isSplitAlike` is false.
 *
 * @param values every value that some server may read under one of the names
 * @param names the names as the site writes them
 * @param isSplitAlike every known way to split the header or query finds the same values
 */
export function checkNamedValuesForAmbiguity(
  values: readonly NamedValue[],
  names: readonly string[],
  isSplitAlike: boolean,
): NamedValuesWithAmbiguity {
  const byName = new Map(values.map(({ name, value }) => [name, value]));
  const isSpelledRight = values.every(({ name }) => names.includes(name));
  const hasOneValueEach = values.every(({ name, value }) => byName.get(name) === value);
  return {
    values,
    isAmbiguous: !isSplitAlike || !isSpelledRight || !hasOneValueEach,
    isRepeated: values.length > byName.size,
  };
}
