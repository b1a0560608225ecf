/** One deliberate fault: what a slip of somebody who changes this line could be, and who would notice. */
export interface Mutant {
  readonly name: string;
  /** From the project's root. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What would be wrong. */
  readonly why: string;
  /** The test files of which at least one test has to fail. */
  readonly tests: readonly [string, ...string[]];
  /** A pattern of their titles, where the files have many tests: these are tried first. */
  readonly titled?: string;
}
