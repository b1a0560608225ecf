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
/** Whoever is told to wait has to wait for this long. */
const windowSeconds = 900;

interface Try {
  readonly username: string;
  readonly address: string;
}

/** Guesses wrong everywhere at once, and says how long it takes until another guess is evaluated. */
async function fire(tries: readonly Try[]): Promise<number> {
  const client = new Client();
  const waits = await inParallel(tries, 50, async ({ username, address }) => {
    const answer = await client.login({ username, password: "a guess" }, { address });
    if (![401, 429].includes(answer.status)) throw new Error(`${answer.status} ${answer.text}`);
    return Number(answer.headers.get("Retry-After") ?? 0);
  });
  return Math.max(...waits);
}

interface Siege {
  readonly seconds: number;
  /** What is tried at a moment when a guess is evaluated; `round` counts them from 0. */
  readonly volley: (round: number) => readonly Try[];
  readonly owner: Owner;
  /** How often the owner comes, at moments of chance. */
  readonly visits: number;
}

interface Outcome {
  readonly evaluated: number;
  readonly rounds: number;
  /** How often the owner got in. */
  readonly ownerIn: number;
}

/** The attacker is there whenever a guess is evaluated, and the owner whenever it pleases. */
async function besiege(random: Random, { seconds, volley, owner, visits }: Siege): Promise<Outcome> {
  setClock(-daySeconds);
  if (!(await owner.signIn())) throw new Error("The owner can't get in before the attack");
  const part = seconds / visits;
  const comings = Array.from({ length: visits }, (_, index) => Math.floor((index + random.next()) * part));
  let ownerIn = 0;
  let rounds = 0;
  for (let now = 0; now < seconds; rounds++) {
    setClock(now);
    const next = now + (await fire(volley(rounds)));
    for (const at of comings.filter((coming) => coming >= now && coming < next)) {
      setClock(at);
      if (await owner.signIn()) ownerIn += 1;
    }
    now = next;
  }
  return { evaluated: await countEvents("first_factor.refused"), rounds, ownerIn };
}

const numbers = (length: number) => Array.from({ length }, (_, index) => index);
const nameOf = (people: readonly Person[], index: number) => people[index % people.length]?.username ?? "";

const ownerFigure = (attack: string, { ownerIn }: Outcome, visits: number): Figure => ({
  attack,
  what: "the owner signs in, from a device that signed in before",
  measured: `${ownerIn} of ${visits}`,
  computed: "always",
  limit: "100 %",
  ok: ownerIn === visits,
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
  const siege = { seconds: daySeconds, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await besiege(random, siege);
  const attack = "guessing a password, from one network, at one account";
  const computed = guessesPerDay(10);
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(outcome.evaluated)}, counted for a day`,
      computed,
      outcome.evaluated <= computed,
    ),
    ownerFigure(attack, outcome, siege.visits),
  ];
});

it("one network, all accounts", async ({ task }) => {
  const random = new Random(`${env.SEED} one all`);
  const people = await createPeople(random, 50);
  const [ada] = people;
  if (ada === undefined) return;
  const volley = (round: number) =>
    numbers(32).map((index) => ({ username: nameOf(people, round * 32 + index), address: addressOf(1) }));
  const siege = { seconds: daySeconds, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await besiege(random, siege);
  const attack = "guessing a password, from one network, at all accounts";
  const computed = guessesPerDay(30);
  task.meta.figures = [
    perDayFigure(
      attack,
      `${count(outcome.evaluated)}, counted for a day`,
      computed,
      outcome.evaluated <= computed,
    ),
    ownerFigure(attack, outcome, siege.visits),
  ];
});

it("ten thousand networks, one account", async ({ task }) => {
  const random = new Random(`${env.SEED} many one`);
  const [ada] = await createPeople(random, 1);
  if (ada === undefined) return;
  // All of them at once in the first round. After that only as many as find out that it is over.
  const volley = (round: number) =>
    numbers(round === 0 ? manyNetworks : 110).map((index) => ({
      username: ada.username,
      address: addressOf((round * 110 + index) % manyNetworks),
    }));
  const siege = { seconds: daySeconds / 4, volley, owner: new Owner(ada), visits: 24 };
  const outcome = await besiege(random, siege);
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
    ownerFigure(attack, outcome, siege.visits),
  ];
});

/** The sample: so many networks stand for ten thousand, and so many windows for the 96 of a day. */
const sample = { networks: 60, windows: 2 };

async function besiegeAll(seed: string, accounts: number) {
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
  const siege = { seconds: sample.windows * windowSeconds, volley, owner: new Owner(ada), visits: 10 };
  return { siege, outcome: await besiege(random, siege) };
}

it("ten thousand networks, all accounts, and many of them", async ({ task }) => {
  const { siege, outcome } = await besiegeAll("many many", 127);
  const perWindow = outcome.evaluated / outcome.rounds;
  const attack = "guessing a password, from 10,000 networks, at all of 20,000 accounts";
  const perDay = guessesPerDay((perWindow * manyNetworks) / sample.networks);
  const computed = guessesPerDay(30 * manyNetworks);
  const measured = `${count(perDay)}, from ${count(perWindow)} per window and ${sample.networks} networks`;
  task.meta.figures = [
    perDayFigure(attack, measured, computed, perDay <= computed),
    ownerFigure(attack, outcome, siege.visits),
  ];
});

it("ten thousand networks, all accounts, and few of them", async ({ task }) => {
  const accounts = 11;
  const { siege, outcome } = await besiegeAll("many few", accounts);
  const perWindow = outcome.evaluated / outcome.rounds;
  const attack = "guessing a password, from 10,000 networks, at all of 1,000 accounts";
  const perDay = guessesPerDay((perWindow * 1000) / accounts);
  const computed = guessesPerDay(100 * 1000);
  const measured = `${count(perDay)}, from ${count(perWindow)} per window and ${accounts} accounts`;
  task.meta.figures = [
    perDayFigure(attack, measured, computed, perDay <= computed),
    ownerFigure(attack, outcome, siege.visits),
  ];
});

it("the owner's own network, one account", async ({ task }) => {
  const random = new Random(`${env.SEED} own`);
  const [ada] = await createPeople(random, 1);
  if (ada === undefined) return;
  const owner = new Owner(ada, addressOf(1));
  const volley = () => numbers(12).map(() => ({ username: ada.username, address: addressOf(1) }));
  const siege = { seconds: daySeconds / 4, volley, owner, visits: 24 };
  const outcome = await besiege(random, siege);
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
    ownerFigure(attack, outcome, siege.visits),
  ];
});
