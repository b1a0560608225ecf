import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import { verify } from "../../../test/support/accounts.ts";
import { freezeReplica } from "../../../test/support/d1.ts";
import { query } from "../../../test/support/rows.ts";
import { Client, code, environment, resetStores } from "../../../test/support/worker.ts";
import { chanceOfBackupCodes, chanceOfBudget, likeliestCode, roundTimes } from "../closed-form.ts";
import { count, percent } from "../figure.ts";
import { CodeAttacker, digits } from "./code-attacker.ts";
import {
  begin,
  countEvaluated,
  createPeople,
  daySeconds,
  inParallel,
  openPending,
  openPendingOf,
  type Person,
  setClock,
  silence,
  yearSeconds,
} from "./people.ts";
import { Random } from "./random.ts";

/** The documented limit, including the bias of RFC 4226, which affects its last digit. */
const maxPerYear = 0.0003005;
const attack = "guessing codes, with a known password";

beforeEach(async () => {
  silence();
  vi.useFakeTimers({ toFake: ["Date"], now: begin });
  await resetStores();
});

/** Creates a client of a location whose replica of the accounts is frozen, and so never receives a recorded failure. */
async function locationFarBehind(): Promise<Client> {
  const db = await freezeReplica(env.DB);
  await query("DROP TABLE copy_of_sessions");
  await query("CREATE VIEW copy_of_sessions AS SELECT * FROM sessions");
  return new Client(environment({ DB: db }));
}

/** The codes that are valid now. */
const liveCodes = async ({ secret }: Person): Promise<Set<string>> =>
  new Set(await Promise.all([-1, 0, 1].map((k) => code(secret, k))));

interface Year {
  readonly evaluated: number;
  /** The seconds after `begin` at which guesses were evaluated. */
  readonly rounds: readonly number[];
  /** The probability that one of the evaluated guesses succeeds, given the codes that were valid at each time. */
  readonly chance: number;
}

/** Simulates a year in which the attackers guess whenever a guess is evaluated. */
async function spendYear(attackers: readonly CodeAttacker[]): Promise<Year[]> {
  const years = attackers.map(() => ({ evaluated: 0, rounds: [] as number[], missing: 1, over: false }));
  for (let now = 0; now < yearSeconds; ) {
    setClock(now);
    const waits = await Promise.all(
      attackers.map(async (attacker, index) => {
        const year = years[index];
        if (year === undefined) return 0;
        const live = (await liveCodes(attacker.target)).size;
        const volley = year.over ? await attacker.fire(2, 1) : await attacker.fire(6);
        const evaluated = await countEvaluated(attacker.target);
        if (evaluated > year.evaluated) year.rounds.push(now);
        for (let guess = 0; guess < evaluated - year.evaluated; guess++)
          year.missing *= 1 - live / (1_000_000 - guess);
        year.evaluated = evaluated;
        year.over = volley.disabled;
        return volley.disabled ? 7 * daySeconds : volley.retryAfterSeconds;
      }),
    );
    now += Math.min(...waits);
  }
  return years.map(({ evaluated, rounds, missing }) => ({ evaluated, rounds, chance: 1 - missing }));
}

it("a year of an attacker who never rests", async ({ task }) => {
  const random = new Random(`${env.SEED} year`);
  const people = await createPeople(random, 5);
  const locations = [new Client(), await locationFarBehind()] as const;
  const years = await spendYear(people.map((person) => new CodeAttacker(person, random, locations)));
  for (const { rounds } of years) expect(rounds).toEqual(roundTimes());
  const evaluated = Math.max(...years.map((year) => year.evaluated));
  const chance = Math.max(...years.map((year) => year.chance));
  const biased = chanceOfBudget(likeliestCode);
  task.meta.figures = [
    {
      attack,
      what: "all guesses evaluated in a year",
      measured: `${count(evaluated)} (each of ${people.length} accounts)`,
      computed: "100",
      limit: "100",
      ok: years.every((year) => year.evaluated === 100),
    },
    {
      attack,
      what: "success within a year",
      measured: percent(chance, 6),
      computed: `${percent(chanceOfBudget(), 6)}; ${percent(biased, 6)} with RFC 4226's bias`,
      limit: "0.0300 %",
      ok: Math.max(chance, biased) < maxPerYear,
    },
    {
      attack: `${attack}, backup codes in place of TOTP codes`,
      what: "success within a year",
      measured: "the same 100 guesses",
      computed: percent(chanceOfBackupCodes, 8),
      limit: "0.0300 %",
      ok: chanceOfBackupCodes < maxPerYear,
    },
  ];
});

it("which codes the Worker takes", async ({ task }) => {
  const random = new Random(`${env.SEED} window`);
  const people = await createPeople(random, 20);
  const steps = Array.from({ length: 21 }, (_, index) => index - 10);
  const taken = new Map<number, number>();
  await inParallel(people, 5, async (person) => {
    setClock(daySeconds);
    for (const step of steps) {
      await query("UPDATE users SET second_factor_failures = 0, totp_last_step = 0 WHERE id = ?", person.id);
      const [token = ""] = await openPending(person, 1);
      const { status } = await verify(token, await code(person.secret, step));
      if (status === 200) taken.set(step, (taken.get(step) ?? 0) + 1);
    }
  });
  expect([...taken.keys()].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
  task.meta.figures = [
    {
      attack,
      what: "codes of the 21 steps around the current one that are accepted",
      measured: `${[...taken.values()].join(", ")} of ${people.length} accounts, at the steps −1, 0, +1`,
      computed: "3",
      limit: "3",
      ok: taken.size === 3 && [...taken.values()].every((n) => n === people.length),
    },
  ];
});

/** The probability with which a guess is a valid code. The weights compensate for it (importance sampling). */
const helped = 0.016;

/** Returns a guess that is valid with the raised probability, and its weight: the true probability divided by the raised one. */
async function guessWithLuck(random: Random, person: Person): Promise<{ guess: string; weight: number }> {
  const live = [...(await liveCodes(person))] as [string, ...string[]];
  const chance = live.length / 1_000_000;
  if (random.next() < helped) return { guess: random.pick(live), weight: chance / helped };
  let guess = digits(random.below(1_000_000));
  while (live.includes(guess)) guess = digits(random.below(1_000_000));
  return { guess, weight: (1 - chance) / (1 - helped) };
}

it("complete attacks, by importance sampling", async ({ task }) => {
  const random = new Random(`${env.SEED} luck`);
  const people = await createPeople(random, 160);
  const randoms = people.map(({ username }) => new Random(`${env.SEED} ${username}`));
  const client = new Client();
  const weights = people.map(() => 1);
  const open = new Set(people.keys());
  for (const now of roundTimes()) {
    setClock(now);
    const tokens = await openPendingOf(people);
    await inParallel([...open], 20, async (index) => {
      const [person, own, token = ""] = [people[index], randoms[index], tokens[index]];
      if (person === undefined || own === undefined) return;
      for (let i = 0; i < 5 && open.has(index); i++) {
        const { guess, weight } = await guessWithLuck(own, person);
        weights[index] = (weights[index] ?? 1) * weight;
        const { status } = await verify(token, guess, {}, client);
        if (status === 200) open.delete(index);
        else expect(status).toBe(401);
      }
    });
  }
  const counted = weights.map((weight, index) => (open.has(index) ? 0 : weight));
  const mean = counted.reduce((sum, weight) => sum + weight, 0) / counted.length;
  const variance = counted.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / (counted.length - 1);
  const margin = 1.96 * Math.sqrt(variance / counted.length);
  task.meta.figures = [
    {
      attack: `${attack}, ${people.length} complete attacks`,
      what: "success, by importance sampling",
      measured: `${percent(mean)} ± ${percent(margin)}`,
      computed: percent(chanceOfBudget()),
      limit: "agrees within 2 margins",
      ok: Math.abs(mean - chanceOfBudget()) < 2 * margin,
    },
  ];
});
