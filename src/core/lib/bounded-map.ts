/**
 * A map with a maximum number of entries: adding one more removes the entry that was set longest ago. Used as a cache, which
 * in a Worker lasts as long as the isolate.
 */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Deletes every entry whose value meets the condition. */
  deleteWhere(isDeleted: (value: Value) => boolean): void {
    for (const [key, value] of this.#entries) if (isDeleted(value)) this.#entries.delete(key);
  }
}
