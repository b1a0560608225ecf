import type { Config } from "../config/config.ts";
import type { Database } from "../store/platform/database.ts";
import type { Blocks } from "../store/sessions/throttle-blocks.ts";
import type { IsolateCache } from "./isolate-cache.ts";

/** What every use case works with. The clock is not among it: time is an argument. */
export interface Deps {
  readonly config: Config;
  readonly cache: IsolateCache;
  readonly db: Database;
  readonly blocks: Blocks;
  /** The rate limit in front of first factors: false when this key has had its share. Null: none is bound. */
  readonly admit: ((key: string) => Promise<boolean>) | null;
  /** Lets work go on that nobody has to wait for. It must not be what a decision hangs on. */
  readonly defer: (work: Promise<unknown>) => void;
  readonly log: Log;
}

/** One line of the operator's log. Names and figures only; never a code, secret, token or password. */
export type Log = (
  level: "info" | "warn" | "error",
  event: string,
  fields: Record<string, string | number | boolean | null>,
) => void;
