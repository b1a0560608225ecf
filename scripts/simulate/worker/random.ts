/** A pseudorandom generator: the same seed gives the same numbers. */
export class Random {
  #state: number;

  constructor(seed: string) {
    // FNV-1a: different seeds give different sequences.
    this.#state = [...seed].reduce(
      (hash, text) => Math.imul(hash ^ text.charCodeAt(0), 0x01000193),
      0x811c9dc5,
    );
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns an integer from 0 (inclusive) to `end` (exclusive). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Returns a random element. */
  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}
