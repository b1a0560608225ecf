import { withTimeLimit } from "../platform/time-limit.ts";

/** Who is blocked, for every location to read without asking D1. Only the outcome is here; D1 counts. */
export interface Blocks {
  /**
   * Reads until when any of the keys is blocked.
   *
   * @returns the latest end, or null: none is blocked, or KV does not answer and D1 has to decide alone
   */
  findEnd(keys: readonly string[]): Promise<Date | null>;
  /** Writes a block that ends by itself. A failure is reported and else ignored: D1 holds the same block. */
  put(key: string, until: Date, now: Date): Promise<void>;
  /** Asks KV for nothing but an answer. Throws when there is none. */
  ping(): Promise<void>;
}

/**
 * KV answers in milliseconds, and in half a second from far away. One that takes longer counts as one that does not
 * answer: a sign-in waits for it no longer, and D1 decides alone.
 */
const longestAnswerSeconds = 2;

/** KV takes no shorter life than this. */
const shortestTtlSeconds = 60;
/** The shortest time that KV allows a location to remember its answer. */
const cacheTtlSeconds = 30;

const prefix = "block:";

/** Keeps blocks in KV. `report` hears of every failure of KV. */
export function createBlocks(kv: KVNamespace, report: (error: unknown) => void): Blocks {
  return {
    async findEnd(keys) {
      try {
        const names = keys.map((key) => prefix + key);
        const found = await withTimeLimit(longestAnswerSeconds, () =>
          kv.get(names, { type: "text", cacheTtl: cacheTtlSeconds }),
        );
        const ends = [...found.values()].flatMap((value) => parseEnd(value));
        return ends.length === 0 ? null : new Date(Math.max(...ends));
      } catch (error) {
        report(error);
        return null;
      }
    },
    async put(key, until, now) {
      const seconds = Math.ceil((until.getTime() - now.getTime()) / 1000);
      try {
        const expirationTtl = Math.max(seconds, shortestTtlSeconds);
        await withTimeLimit(longestAnswerSeconds, () =>
          kv.put(prefix + key, String(until.getTime()), { expirationTtl }),
        );
      } catch (error) {
        report(error);
      }
    },
    async ping() {
      await withTimeLimit(longestAnswerSeconds, () => kv.get(`${prefix}ping`, { cacheTtl: cacheTtlSeconds }));
    },
  };
}

function parseEnd(value: string | null): number[] {
  const end = value === null ? Number.NaN : Number(value);
  return Number.isFinite(end) ? [end] : [];
}
