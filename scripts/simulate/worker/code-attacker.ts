import { verify } from "../../../test/support/accounts.ts";
import type { Client } from "../../../test/support/worker.ts";
import { addressOf, openPending, type Person } from "./people.ts";
import type { Random } from "./random.ts";

/** The results of guesses that were made at the same time. */
export interface Volley {
  readonly succeeded: boolean;
  /** The second factor is off until an administrator resets it. */
  readonly disabled: boolean;
  /** The seconds until another guess is evaluated. */
  readonly retryAfterSeconds: number;
}

const codes = 1_000_000;

export const digits = (code: number): string => String(code).padStart(6, "0");

/** Generates different codes with a uniform distribution. */
export function generateCodes(random: Random, count: number): string[] {
  const selected = new Set<number>();
  while (selected.size < count) selected.add(random.below(codes));
  return [...selected].map(digits);
}

/** An attacker with the password of an account and any number of sessions, networks and locations. */
export class CodeAttacker {
  #networks = 0;

  /** @param locations Workers, each with its own copy of the database */
  constructor(
    readonly target: Person,
    readonly random: Random,
    readonly locations: readonly [Client, ...Client[]],
  ) {}

  /** Sends `guessesPerSession` guesses in each of `sessions` sessions concurrently, each guess from another network. */
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
