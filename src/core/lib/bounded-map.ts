/**
 * A map that forgets its oldest entries: for what costs more to find out than to remember, and can be found out again.
 * In a Worker it lives as long as the isolate.
 */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #most: number;

  /** @param most how many entries it keeps */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Deletes every entry whose value meets the condition. */
  deleteWhere(isDeleted: (value: Value) => boolean): void {
    for (const [key, value] of this.#entries) if (isDeleted(value)) this.#entries.delete(key);
  }
}
