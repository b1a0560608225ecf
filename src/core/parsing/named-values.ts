/** A name and a value as a request shows them, neither decoded nor unquoted. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** What a request shows under the names that were asked for. */
export interface NamedValues {
  /** In the order of the request. */
  readonly values: readonly NamedValue[];
  /**
   * Two programs may read different values here: there is another spelling, two values of one name, or a separator that
   * only some programs know (INC-23).
   */
  readonly isAmbiguous: boolean;
  /** A name is there more than once, each time with the same value. */
  readonly isRepeated: boolean;
}

/**
 * Sums up what was found.
 *
 * @param values every value that some program may read under one of the names
 * @param names the names as the site writes them
 * @param isReadAlike every known way to split the request finds the same values
 */
export function summarizeNamedValues(
  values: readonly NamedValue[],
  names: readonly string[],
  isReadAlike: boolean,
): NamedValues {
  const byName = new Map(values.map(({ name, value }) => [name, value]));
  const isSpelledRight = values.every(({ name }) => names.includes(name));
  const hasOneValueEach = values.every(({ name, value }) => byName.get(name) === value);
  return {
    values,
    isAmbiguous: !isReadAlike || !isSpelledRight || !hasOneValueEach,
    isRepeated: values.length > byName.size,
  };
}
