/** A deliberate fault in one line of the source, and the tests that must find it. */
export interface Mutant {
  readonly name: string;
  /** Path from the root of the project. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What the faulty program does wrong. */
  readonly why: string;
  /** Test files. At least one of their tests must fail. */
  readonly tests: readonly [string, ...string[]];
  /** A pattern of test titles. Matching tests run first. */
  readonly titled?: string;
}
