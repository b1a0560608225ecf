/** Random numbers that come again with the same seed. */
export class Random {
  #state: number;

  constructor(seed: string) {
    // FNV-1a: two seeds that differ anywhere give two sequences.
    this.#state = [...seed].reduce(
      (hash, text) => Math.imul(hash ^ text.charCodeAt(0), 0x01000193),
      0x811c9dc5,
    );
  }

  /** From 0 up to, but not, 1. Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, but not, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** One of them. */
  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}
