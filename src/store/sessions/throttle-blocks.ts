import { withTimeLimitInSeconds } from "../platform/time-limit.ts";

/** Blocked keys in KV, which every location can read without a trip to D1. The counters themselves are in D1. */
export interface BlockStore {
  /**
   * Reads until when any of the keys is blocked. One read from KV.
   *
   * @returns the latest end, or null when none is blocked. Null also when KV fails: the counters in D1 then decide.
   */
  findEnd(keys: readonly string[]): Promise<Date | null>;
  /** Writes a block that expires by itself. A failure is reported and ignored, because D1 has the same block. */
  put(key: string, until: Date, now: Date): Promise<void>;
  /** Reads a key that does not exist. Throws when KV fails. */
  ping(): Promise<void>;
}

/** KV responds within half a second from any location. After this time it counts as failed, and the counters in D1 decide alone. */
const maxWaitSeconds = 2;

/** The shortest `expirationTtl` that KV accepts. */
const minTtlSeconds = 60;
/** The shortest `cacheTtl` that KV accepts. */
const cacheTtlSeconds = 30;

const prefix = "block:";

/** Creates the object that reads and writes blocks in KV. It calls `report` with every error of KV. */
export function createKvBlockStore(kv: KVNamespace, report: (error: unknown) => void): BlockStore {
  return {
    async findEnd(keys) {
      try {
        const names = keys.map((key) => prefix + key);
        const found = await withTimeLimitInSeconds(maxWaitSeconds, () =>
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
        const expirationTtl = Math.max(seconds, minTtlSeconds);
        await withTimeLimitInSeconds(maxWaitSeconds, () =>
          kv.put(prefix + key, String(until.getTime()), { expirationTtl }),
        );
      } catch (error) {
        report(error);
      }
    },
    async ping() {
      await withTimeLimitInSeconds(maxWaitSeconds, () =>
        kv.get(`${prefix}ping`, { cacheTtl: cacheTtlSeconds }),
      );
    },
  };
}

function parseEnd(value: string | null): number[] {
  const end = value === null ? Number.NaN : Number(value);
  return Number.isFinite(end) ? [end] : [];
}
