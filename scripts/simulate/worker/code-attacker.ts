import { verify } from "../../../test/support/accounts.ts";
import type { Client } from "../../../test/support/worker.ts";
import { addressOf, openPending, type Person } from "./people.ts";
import type { Random } from "./random.ts";

/** What came of guesses that were made at one moment. */
export interface Volley {
  readonly succeeded: boolean;
  /** The second factor is off until an administrator resets it. */
  readonly disabled: boolean;
  /** How long it takes until another guess is evaluated. */
  readonly retryAfterSeconds: number;
}

const codes = 1_000_000;

export const digits = (code: number): string => String(code).padStart(6, "0");

/** Different codes, each as likely as the others. */
export function generateCodes(random: Random, count: number): string[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(random.below(codes));
  return [...drawn].map(digits);
}

/** Somebody who knows the password of an account, and has any number of sessions, networks and locations. */
export class CodeAttacker {
  #networks = 0;

  /** @param locations each a Worker with a copy of the database of its own */
  constructor(
    readonly target: Person,
    readonly random: Random,
    readonly locations: readonly [Client, ...Client[]],
  ) {}

  /** Guesses in so many sessions at once, five in each: everything at the same time, and each from another network. */
  async fire(sessions: number, guessesPerSession = 5): Promise<Volley> {
    const tokens = await openPending(this.target, sessions);
    const guesses = generateCodes(this.random, sessions * guessesPerSession);
    const answers = await Promise.all(
      guesses.map((guess, index) => {
        const address = addressOf(this.#networks++);
        const token = tokens[index % sessions] ?? "";
        return verify(token, guess, { address }, this.random.pick(this.locations));
      }),
    );
    const waits = answers.map(({ headers }) => Number(headers.get("Retry-After") ?? 0));
    const strange = answers.find(({ status }) => ![200, 401, 403, 429].includes(status));
    if (strange !== undefined) throw new Error(`${strange.status} ${strange.text}`);
    return {
      succeeded: answers.some(({ status }) => status === 200),
      disabled: answers.some(({ json }) => json.code === "second_factor_disabled"),
      retryAfterSeconds: Math.max(...waits),
    };
  }
}
