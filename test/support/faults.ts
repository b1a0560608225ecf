import { env } from "cloudflare:workers";
import type { Bindings } from "../../src/runtime.ts";
import { interceptD1 } from "./d1.ts";
import { type HeldTimers, holdTimers } from "./held-timers.ts";
import { environment, type Overrides } from "./worker.ts";

/** A fault of one call of a binding. */
export type Fault =
  /** It fails without an effect. */
  | "fails"
  /** It never settles, and has no effect. */
  | "hangs"
  /** The last statement of a batch fails, and D1 rolls the batch back. */
  | "is undone"
  /** It takes effect, and its response is lost. */
  | "loses its answer"
  /** It does not settle in time, and takes effect after the Worker's time limit. */
  | "comes late"
  /** It takes effect after the client's next attempt. */
  | "comes last";

/** One call of a binding. */
export interface Call {
  readonly binding: "D1" | "KV" | "rate limit";
  readonly writes: boolean;
  readonly isBatch: boolean;
  faulty: boolean;
  /** True when it has taken effect, even if the Worker got no response. */
  done: boolean;
}

/** Which call fails, and how. */
export interface Plan {
  /** The number of the call, from 1. */
  readonly call: number;
  readonly fault: Fault;
  /** True when every later call fails as well. */
  readonly lasts: boolean;
}

/** All faults of all these calls. */
export function listPlans(calls: readonly Call[]): Plan[] {
  return calls.flatMap(({ binding, writes, isBatch }, index) => {
    const plan = (fault: Fault, lasts = false): Plan => ({ call: index + 1, fault, lasts });
    // For a read, and for a KV write that the Worker does not wait for, a lost response is the same as a failure.
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

/** A promise that never settles. */
const never = new Promise<never>(() => {});

/** D1, KV and a rate limit that fail according to a plan, and record their calls. */
export class FaultyStores {
  readonly calls: Call[] = [];
  /** The milliseconds of each time limit that has expired during a call that hangs. */
  readonly limitsOver: number[] = [];
  readonly #timers: HeldTimers = holdTimers();
  readonly #late: (() => Promise<unknown>)[] = [];

  /**
   * @param plan null: no fault
   * @param afterWrite is called after each write to D1 that has taken effect
   * @param db the database behind the faults
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

  /** The number of writes to D1 that have taken effect. */
  get writesDone(): number {
    return this.calls.filter(({ binding, writes, done }) => binding === "D1" && writes && done).length;
  }

  /** True when a call of D1 was faulty: the Worker cannot continue without D1. */
  get lostD1(): boolean {
    return this.calls.some(({ binding, faulty }) => binding === "D1" && faulty);
  }

  /** The milliseconds of the time limits that were not cleared. */
  get runningLimits(): readonly number[] {
    return this.#timers.running;
  }

  /** Runs the calls that are late. */
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

  /** Lets the Worker's time limit expire, and never settles. */
  async #hang(): Promise<never> {
    // The Worker may start its timer after the call.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const over = this.#timers.runOut();
    this.limitsOver.push(...over);
    if (over.length === 0) throw new Error("Nothing bounds this call: the Worker would wait for ever");
    return never;
  }
}
