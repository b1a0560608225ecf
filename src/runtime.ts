import { type Config, type ConfigProblem, parseConfig } from "./config/config.ts";
import type { Deps } from "./domain/deps.ts";
import { IsolateCache } from "./domain/isolate-cache.ts";
import { formatRootCauseForLog, log } from "./log.ts";
import { openDatabase } from "./store/platform/database.ts";
import { withTimeLimitInSeconds } from "./store/platform/time-limit.ts";
import { createKvBlockStore } from "./store/sessions/throttle-blocks.ts";

/** The bindings of `wrangler.toml`. The same object has the variables and secrets, which `config/config.ts` parses. */
export interface Bindings {
  readonly DB: D1Database;
  readonly BLOCKS: KVNamespace;
  /** Optional. Limits requests that try a first factor. */
  readonly SIGN_IN_LIMITER?: RateLimit | undefined;
}

/** The context that the platform passes with every event. */
export type EventContext = Pick<ExecutionContext, "waitUntil">;

/** The configuration is not valid. The Worker then handles no request. */
export class MisconfiguredError extends Error {
  override readonly name = "MisconfiguredError";
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(({ name, message }) => `${name}: ${message}`).join("; "));
  }
}

/** A call of the rate limiter that takes longer than this is ignored, and the request is allowed. */
const maxAdmissionSeconds = 2;

const parsed = new WeakMap<Bindings, ReturnType<typeof parseConfig>>();

/**
 * Returns the configuration. Parses it once for each isolate.
 *
 * @throws MisconfiguredError with every invalid variable
 */
export function getConfig(env: Bindings): Config {
  const result = parsed.get(env) ?? parseConfig(env);
  parsed.set(env, result);
  if (!result.ok) throw new MisconfiguredError(result.problems);
  return result.config;
}

/** The platform's own object is the key: it passes through no code that copies it. */
const caches = new WeakMap<Bindings, IsolateCache>();

function findCache(env: Bindings): IsolateCache {
  const cache = caches.get(env) ?? new IsolateCache();
  caches.set(env, cache);
  return cache;
}

/** Creates the dependencies that the use cases of one event get. */
export function createDeps(
  config: Config,
  env: Bindings,
  context: EventContext,
  eventId: string,
  { recheckNewTokens }: Pick<Deps, "recheckNewTokens"> = { recheckNewTokens: false },
): Deps {
  const { SIGN_IN_LIMITER: limiter } = env;
  return {
    config,
    cache: findCache(env),
    // Getters, because a request with a fresh session needs neither.
    get db() {
      return openDatabase(env.DB);
    },
    get blocks() {
      return createKvBlockStore(env.BLOCKS, (error) => {
        log("warn", "blocks.unavailable", { request_id: eventId, ...formatRootCauseForLog(error) });
      });
    },
    isWithinRateLimit:
      limiter === undefined
        ? null
        : async (key) =>
            (await withTimeLimitInSeconds(maxAdmissionSeconds, () => limiter.limit({ key }))).success,
    defer: (work) => context.waitUntil(logFailure(work, eventId)),
    recheckNewTokens,
    log: (level, event, fields) => log(level, event, { request_id: eventId, ...fields }),
  };
}

/** Waits for deferred work, and logs its failure: no caller waits for it. */
async function logFailure(work: Promise<unknown>, eventId: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    log("error", "deferred.failed", { request_id: eventId, ...formatRootCauseForLog(error) });
  }
}
