import { env } from "cloudflare:workers";
import { beforeEach, it, vi } from "vitest";
import { Client, resetStores } from "../../../test/support/worker.ts";
import { guessesPerDay } from "../closed-form.ts";
import { count, type Figure } from "../figure.ts";
import { Owner } from "./owner.ts";
import {
  addressOf,
  begin,
  countEvents,
  createPeople,
  daySeconds,
  inParallel,
  type Person,
  setClock,
  silence,
} from "./people.ts";
import { Random } from "./random.ts";

beforeEach(async () => {
  silence();
  vi.useFakeTimers({ toFake: ["Date"], now: begin });
  await resetStores();
});

const manyNetworks = 10_000;
/** The duration of a block by the limits of sign-ins (docs/throttling.md). */
const windowSeconds = 900;

interface Try {
  readonly username: string;
  readonly address: string;
}

/** Sends wrong passwords concurrently, and returns the seconds until another guess is evaluated. */
async function fire(tries: readonly Try[]): Promise<number> {
  const client = new Client();
  const waits = await inParallel(tries, 50, async ({ username, address }) => {
    const answer = await client.login({ username, password: "a guess" }, { address });
    if (![401, 429].includes(answer.status)) throw new Error(`${answer.status} ${answer.text}`);
    return Number(answer.headers.get("Retry-After") ?? 0);
  });
  return Math.max(...waits);
}

interface Scenario {
  readonly seconds: number;
  /** Returns the guesses of a round, sent when guesses are evaluated again. `round` counts from 0. */
  readonly volley: (round: number) => readonly Try[];
  readonly owner: Owner;
  /** The number of the owner's sign-ins, at random times. */
  readonly visits: number;
}

interface Outcome {
  readonly evaluated: number;
  readonly rounds: number;
  /** The number of the owner's successful sign-ins. */
  readonly ownerSignIns: number;
}

/** Simulates an attacker who guesses whenever a guess is evaluated, and an owner who signs in at random times. */
async function runScenario(random: Random, { seconds, volley, owner, visits }: Scenario): Promise<Outcome> {
  setClock(-daySeconds);
  if (!(await owner.signIn())) throw new Error("The owner can't get in before the attack");
  const part = seconds / visits;
  const visitTimes = Array.from({ length: visits }, (_, index) => Math.floor((index + random.next()) * part));
  let ownerSignIns = 0;
  let rounds = 0;
  for (let now = 0; now < seconds; rounds++) {
    setClock(now);
    const next = now + (await fire(volley(rounds)));
    for (const at of visitTimes.filter((time) => time >= now && time < next)) {
      setClock(at);
      if (await owner.signIn()) ownerSignIns += 1;
    }
    now = next;
  }
  return { evaluated: await countEvents("first_factor.refused"), rounds, ownerSignIns };
}

const numbers = (length: number) => Array.from({ length }, (_, index) => index);
const nameOf = (people: readonly Person[], index: number) => people[index % people.length]?.username ?? "";

const ownerFigure = (attack: string, { ownerSignIns }: Outcome, visits: number): Figure => ({
  attack,
  what: "the owner signs in, from a device that signed in before",
  measured: `${ownerSignIns} of ${visits}`,
  computed: "always",
  limit: "100 %",
  ok: ownerSignIns === visits,
});

const perDayFigure = (attack: string, measured: string, computed: number, ok: boolean): Figure => ({
  attack,
  what: "passwords evaluated per day",
  measured,
  computed: count(computed),
  limit: count(computed),
  ok,
});

it("one network, one account", async ({ task }) => {
  const random = new Random(`${env.SEED} one one`);
  const [ada] = await createPeople(random, 1);
  if (ada === undefined) return;
  const volley = () => numbers(12).map(() => ({ username: ada.username, address: addressOf(1) }));
  const scenario = { seconds: daySeconds, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await runScenario(random, scenario);
  const attack = "guessing a password, from one network, at one account";
  const computed = guessesPerDay(10);
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(outcome.evaluated)}, counted for a day`,
      computed,
      outcome.evaluated <= computed,
    ),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});

it("one network, all accounts", async ({ task }) => {
  const random = new Random(`${env.SEED} one all`);
  const people = await createPeople(random, 50);
  const [ada] = people;
  if (ada === undefined) return;
  const volley = (round: number) =>
    numbers(32).map((index) => ({ username: nameOf(people, round * 32 + index), address: addressOf(1) }));
  const scenario = { seconds: daySeconds, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await runScenario(random, scenario);
  const attack = "guessing a password, from one network, at all accounts";
  const computed = guessesPerDay(30);
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(outcome.evaluated)}, counted for a day`,
      computed,
      outcome.evaluated <= computed,
    ),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});

it("ten thousand networks, one account", async ({ task }) => {
  const random = new Random(`${env.SEED} many one`);
  const [ada] = await createPeople(random, 1);
  if (ada === undefined) return;
  // The first round uses all networks. Later rounds use only as many as needed to exceed the limit of the account.
  const volley = (round: number) =>
    numbers(round === 0 ? manyNetworks : 110).map((index) => ({
      username: ada.username,
      address: addressOf((round * 110 + index) % manyNetworks),
    }));
  const scenario = { seconds: daySeconds / 4, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await runScenario(random, scenario);
  const attack = "guessing a password, from 10,000 networks, at one account";
  const computed = guessesPerDay(100);
  const perDay = outcome.evaluated * 4;
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(perDay)}, from ${count(outcome.evaluated)} in 6 hours`,
      computed,
      perDay <= computed,
    ),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});

/** A sample: 60 networks represent 10,000, and 2 windows represent the 96 of a day. */
const sample = { networks: 60, windows: 2 };

async function runScenarioForAll(seed: string, accounts: number) {
  const random = new Random(`${env.SEED} ${seed}`);
  const people = await createPeople(random, accounts);
  const [ada] = people;
  if (ada === undefined) throw new Error("There is nobody");
  const perNetwork = 31;
  const volley = () =>
    numbers(sample.networks * perNetwork).map((index) => ({
      username: nameOf(people, index),
      address: addressOf(index % sample.networks),
    }));
  const scenario = { seconds: sample.windows * windowSeconds, volley, owner: new Owner(ada), visits: 10 };
  return { scenario, outcome: await runScenario(random, scenario) };
}

it("ten thousand networks, all accounts, and many of them", async ({ task }) => {
  const { scenario, outcome } = await runScenarioForAll("many many", 127);
  const perWindow = outcome.evaluated / outcome.rounds;
  const attack = "guessing a password, from 10,000 networks, at all of 20,000 accounts";
  const perDay = guessesPerDay((perWindow * manyNetworks) / sample.networks);
  const computed = guessesPerDay(30 * manyNetworks);
  const measured = `${count(perDay)}, from ${count(perWindow)} per window and ${sample.networks} networks`;
  task.meta.figures = [
    perDayFigure(attack, measured, computed, perDay <= computed),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});

it("ten thousand networks, all accounts, and few of them", async ({ task }) => {
  const accounts = 11;
  const { scenario, outcome } = await runScenarioForAll("many few", accounts);
  const perWindow = outcome.evaluated / outcome.rounds;
  const attack = "guessing a password, from 10,000 networks, at all of 1,000 accounts";
  const perDay = guessesPerDay((perWindow * 1000) / accounts);
  const computed = guessesPerDay(100 * 1000);
  const measured = `${count(perDay)}, from ${count(perWindow)} per window and ${accounts} accounts`;
  task.meta.figures = [
    perDayFigure(attack, measured, computed, perDay <= computed),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});

it("the owner's own network, one account", async ({ task }) => {
  const random = new Random(`${env.SEED} own`);
  const [ada] = await createPeople(random, 1);
  if (ada === undefined) return;
  const owner = new Owner(ada, addressOf(1));
  const volley = () => numbers(12).map(() => ({ username: ada.username, address: addressOf(1) }));
  const scenario = { seconds: daySeconds / 4, volley, owner, visits: 24 };
  const outcome = await runScenario(random, scenario);
  const attack = "guessing a password, from the owner's own network, at the owner's account";
  const computed = guessesPerDay(10);
  const perDay = outcome.evaluated * 4;
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(perDay)}, from ${count(outcome.evaluated)} in 6 hours`,
      computed,
      perDay <= computed,
    ),
    ownerFigure(attack, outcome, scenario.visits),
  ];
});
