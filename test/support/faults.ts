import { env } from "cloudflare:workers";
import type { Bindings } from "../../src/runtime.ts";
import { interceptD1 } from "./d1.ts";
import { type HeldTimers, holdTimers } from "./held-timers.ts";
import { environment, type Overrides } from "./worker.ts";

/** What can go wrong with one call of a binding. */
export type Fault =
  /** It fails, and has done nothing. */
  | "fails"
  /** It never answers, and does nothing. */
  | "hangs"
  /** A batch fails at its end, and D1 takes all of it back. */
  | "is undone"
  /** It is done, and the answer is lost. */
  | "loses its answer"
  /** It does not answer in time, and is done after the Worker has given up. */
  | "comes late"
  /** It is done later still: after the next try. */
  | "comes last";

/** One call of a binding. */
export interface Call {
  readonly binding: "D1" | "KV" | "rate limit";
  readonly writes: boolean;
  readonly isBatch: boolean;
  faulty: boolean;
  /** It has happened, whatever the Worker has heard of it. */
  done: boolean;
}

/** Which call something goes wrong with. */
export interface Plan {
  /** The first one is 1. */
  readonly call: number;
  readonly fault: Fault;
  /** Every later call fails, too. */
  readonly lasts: boolean;
}

/** Every way in which something can go wrong with one of these calls. */
export function listPlans(calls: readonly Call[]): Plan[] {
  return calls.flatMap(({ binding, writes, isBatch }, index) => {
    const plan = (fault: Fault, lasts = false): Plan => ({ call: index + 1, fault, lasts });
    // What is lost of a read, or of a block that nobody waits for, is the same as if it had failed.
    const decides = binding === "D1" && writes;
    return [
      plan("fails"),
      plan("fails", true),
      plan("hangs"),
      ...(isBatch && decides ? [plan("is undone")] : []),
      ...(decides ? [plan("loses its answer"), plan("comes late"), plan("comes last")] : []),
    ];
  });
}

export const describePlan = ({ call, fault, lasts }: Plan): string =>
  `call ${call} ${fault}${lasts ? ", and so do all after it" : ""}`;

/** A trip that is still on its way. */
const never = new Promise<never>(() => {});

/** D1, KV and a rate limit that fail as they are told to, and count their calls. */
export class FaultyStores {
  readonly calls: Call[] = [];
  /** What has run out while nobody answered: the milliseconds of each time limit. */
  readonly limitsOver: number[] = [];
  readonly #timers: HeldTimers = holdTimers();
  readonly #late: (() => Promise<unknown>)[] = [];

  /**
   * @param plan null: nothing goes wrong
   * @param afterWrite comes after each write to D1 that has happened
   * @param db what is behind
   */
  constructor(
    readonly plan: Plan | null,
    readonly afterWrite: () => Promise<void> = async () => {},
    readonly db: D1Database = env.DB,
  ) {}

  /** The environment of a Worker with these stores. */
  bindings(overrides: Overrides = {}): Bindings {
    return environment({
      SIGN_IN_LIMITER: this.#limiter(),
      DB: this.#db(),
      BLOCKS: this.#kv(),
      ...overrides,
    });
  }

  /** How many writes to D1 have happened. */
  get writesDone(): number {
    return this.calls.filter(({ binding, writes, done }) => binding === "D1" && writes && done).length;
  }

  /** Something has gone wrong that the Worker can't do without. */
  get lostD1(): boolean {
    return this.calls.some(({ binding, faulty }) => binding === "D1" && faulty);
  }

  /** The time limits that are still running, though everything has been answered. */
  get runningLimits(): readonly number[] {
    return this.#timers.running;
  }

  /** Lets happen what was too late for its answer. */
  async arriveLate(): Promise<void> {
    for (const run of this.#late.splice(0)) await run();
  }

  #db(): D1Database {
    return interceptD1(this.db, ({ kind, sql, run, runAndRollBack }) => {
      const writes = sql.some((text) => /^\s*(insert|update|delete)\b/i.test(text));
      return this.#meet({ binding: "D1", writes, isBatch: kind === "batch" }, run, runAndRollBack);
    });
  }

  #kv(): KVNamespace {
    return new Proxy(env.BLOCKS, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        const call = { binding: "KV", writes: name === "put", isBatch: false } as const;
        return (...args: unknown[]) => this.#meet(call, async () => value.apply(target, args));
      },
    });
  }

  #limiter(): RateLimit {
    const call = { binding: "rate limit", writes: false, isBatch: false } as const;
    return { limit: () => this.#meet(call, async () => ({ success: true })) } as RateLimit;
  }

  async #meet<T>(
    what: Pick<Call, "binding" | "writes" | "isBatch">,
    run: () => Promise<T>,
    runAndRollBack = run,
  ): Promise<T> {
    const call: Call = { ...what, faulty: false, done: false };
    const number = this.calls.push(call);
    const { plan } = this;
    if (plan === null || number < plan.call || (number > plan.call && !plan.lasts))
      return this.#do(call, run);
    call.faulty = true;
    switch (plan.fault) {
      case "is undone":
        return runAndRollBack();
      case "loses its answer":
        await this.#do(call, run);
        throw new Error("D1_ERROR: Network connection lost: injected");
      case "comes late":
      case "comes last":
        this.#late.push(() => this.#do(call, run));
        return this.#hang();
      case "hangs":
        return this.#hang();
      case "fails":
        throw new Error(
          `${what.binding}_ERROR: injected failure: SELECT secret FROM users: block:secret-key`,
        );
    }
  }

  async #do<T>(call: Call, run: () => Promise<T>): Promise<T> {
    const answer = await run();
    call.done = true;
    if (call.binding === "D1" && call.writes) await this.afterWrite();
    return answer;
  }

  /** Does not answer until the Worker has given up. */
  async #hang(): Promise<never> {
    // The Worker may start its timer after it has asked.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const over = this.#timers.runOut();
    this.limitsOver.push(...over);
    if (over.length === 0) throw new Error("Nothing bounds this call: the Worker would wait for ever");
    return never;
  }
}
