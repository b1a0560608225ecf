import type { Case } from "virtual:wycheproof";
import { expect } from "vitest";
import documented from "../../docs/vectors.md?raw";

export const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, "hex"));
export const hexOf = (bytes: ArrayBuffer | Uint8Array): string =>
  Buffer.from(new Uint8Array(bytes)).toString("hex");

/** What `docs/vectors.md` says of a set. */
interface Counts {
  readonly cases: number;
  readonly valid: number;
  readonly invalid: number;
  /** Cases that a test has put to the code or the runtime. */
  readonly run: number;
  readonly notApplicable: number;
}

/** Counts the cases of a set that were run, each of them once. */
export class Tally {
  readonly #run = new Set<number>();
  readonly #wrong: string[] = [];

  constructor(
    readonly set: string,
    readonly cases: readonly Case[],
  ) {}

  /**
   * Records the result of a case.
   *
   * @param right true for a valid case that was accepted, an invalid case that was rejected, or the result that the test prescribes
   */
  note({ tcId, comment, result }: Case, right: boolean): void {
    if (this.#run.has(tcId)) throw new Error(`Case ${tcId} of ${this.set} was run twice`);
    this.#run.add(tcId);
    if (!right) this.#wrong.push(`${tcId} (${result}): ${comment}`);
  }

  /** Fails when a case came out wrong, or when the counts are not these, or not those in the docs. */
  close(counts: Counts): void {
    const count = (result: Case["result"]) => this.cases.filter((one) => one.result === result).length;
    expect(this.#wrong).toEqual([]);
    expect({
      cases: this.cases.length,
      valid: count("valid"),
      invalid: count("invalid"),
      run: this.#run.size,
      notApplicable: this.cases.length - this.#run.size,
    }).toEqual(counts);
    // None of the sets has a case that may come out either way; a new one would have to be decided about.
    expect(count("acceptable")).toBe(0);
    expectDocumented(this.set, counts);
  }
}

/** Fails when the table of `docs/vectors.md` has other figures for the set. */
export function expectDocumented(set: string, counts: Counts): void {
  const row = documented.split("\n").find((line) => line.startsWith(`| ${set} |`));
  const [, , ...cells] = (row ?? "").split("|").map((cell) => cell.trim());
  const { cases, valid, invalid, run, notApplicable } = counts;
  expect([set, cells.slice(0, 5)]).toEqual([set, [cases, valid, invalid, run, notApplicable].map(String)]);
}
