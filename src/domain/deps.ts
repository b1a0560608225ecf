import type { Config } from "../config/config.ts";
import type { Database } from "../store/platform/database.ts";
import type { BlockStore } from "../store/sessions/throttle-blocks.ts";
import type { IsolateCache } from "./isolate-cache.ts";

/** The dependencies of every use case. The clock is not one of them: use cases take the time as an argument. */
export interface Deps {
  readonly config: Config;
  readonly cache: IsolateCache;
  readonly db: Database;
  readonly blocks: BlockStore;
  /** The rate limit in front of first factors: false when this key is over it. Null: no rate limiter is bound. */
  readonly isWithinRateLimit: ((key: string) => Promise<boolean>) | null;
  /** Runs work after the response (`waitUntil`). No decision may depend on it: it can fail, which is only logged. */
  readonly defer: (work: Promise<unknown>) => void;
  readonly log: LogFunction;
  /**
   * True when the request has a valid hand-over cookie. The first factor may then come from the cookie instead of the source. So the first
   * request with a session token that is issued here is rechecked, with a request to the source (INC-40).
   */
  readonly recheckNewTokens: boolean;
}

/** Writes one line to the operator's log. Fields are names and numbers, never a code, secret, token or password. */
export type LogFunction = (
  level: "info" | "warn" | "error",
  event: string,
  fields: Record<string, string | number | boolean | null>,
) => void;
