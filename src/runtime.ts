import { type Config, type ConfigProblem, parseConfig } from "./config/config.ts";
import type { Deps } from "./domain/deps.ts";
import { IsolateCache } from "./domain/isolate-cache.ts";
import { describeError, log } from "./log.ts";
import { openDatabase } from "./store/platform/database.ts";
import { withTimeLimit } from "./store/platform/time-limit.ts";
import { createBlocks } from "./store/sessions/throttle-blocks.ts";

/** The bindings of `wrangler.toml`. Variables and secrets are strings beside them, which `config/config.ts` parses. */
export interface Bindings {
  readonly DB: D1Database;
  readonly BLOCKS: KVNamespace;
  /** Stands in front of every first factor, where it is bound. */
  readonly SIGN_IN_LIMITER?: RateLimit | undefined;
}

/** What the platform gives to every event. */
export type EventContext = Pick<ExecutionContext, "waitUntil">;

/** An operator's configuration is not valid. Nothing is served with it. */
export class Misconfigured extends Error {
  override readonly name = "Misconfigured";
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(({ name, message }) => `${name}: ${message}`).join("; "));
  }
}

/** The rate limit is counted where the Worker runs. One that takes longer than this is passed by. */
const longestAdmissionSeconds = 2;

const parsed = new WeakMap<Bindings, ReturnType<typeof parseConfig>>();

/**
 * The configuration of this isolate, parsed when it is first asked for.
 *
 * @throws Misconfigured with every variable that is wrong
 */
export function getConfig(env: Bindings): Config {
  const result = parsed.get(env) ?? parseConfig(env);
  parsed.set(env, result);
  if (!result.ok) throw new Misconfigured(result.problems);
  return result.config;
}

/** The platform's own object is the key: it passes through no code that copies it. */
const caches = new WeakMap<Bindings, IsolateCache>();

function findCache(env: Bindings): IsolateCache {
  const cache = caches.get(env) ?? new IsolateCache();
  caches.set(env, cache);
  return cache;
}

/** What the use cases of one event work with. */
export function createDeps(config: Config, env: Bindings, context: EventContext, eventId: string): Deps {
  const { SIGN_IN_LIMITER: limiter } = env;
  return {
    config,
    cache: findCache(env),
    // Most requests come with a fresh session, and need neither.
    get db() {
      return openDatabase(env.DB);
    },
    get blocks() {
      return createBlocks(env.BLOCKS, (error) => {
        log("warn", "blocks.unavailable", { request_id: eventId, ...describeError(error) });
      });
    },
    isWithinRateLimit:
      limiter === undefined
        ? null
        : async (key) => (await withTimeLimit(longestAdmissionSeconds, () => limiter.limit({ key }))).success,
    defer: (work) => context.waitUntil(report(work, eventId)),
    log: (level, event, fields) => log(level, event, { request_id: eventId, ...fields }),
  };
}

/** Nobody waits for deferred work, so nobody but the log would hear that it failed. */
async function report(work: Promise<unknown>, eventId: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    log("error", "deferred.failed", { request_id: eventId, ...describeError(error) });
  }
}
