import { env } from "cloudflare:workers";
import { beforeEach, it, vi } from "vitest";
import { verify } from "../../../test/support/accounts.ts";
import { Client, code, resetStores } from "../../../test/support/worker.ts";
import { chanceOfGuesses, guessesBetweenSignIns, roundTimes } from "../closed-form.ts";
import { count, percent } from "../figure.ts";
import { CodeAttacker } from "./code-attacker.ts";
import {
  addressOf,
  begin,
  countEvaluated,
  createPeople,
  daySeconds,
  inParallel,
  openPending,
  type Person,
  setClock,
  silence,
} from "./people.ts";
import { Random } from "./random.ts";

const attack = "guessing codes, with a known password";

beforeEach(async () => {
  silence();
  vi.useFakeTimers({ toFake: ["Date"], now: begin });
  await resetStores();
});

/** Simulates an attacker who lets the owner sign in, which resets the counter, and uses all guesses between two sign-ins. */
async function spendDays(person: Person, random: Random, days: number, everySeconds: number) {
  const attacker = new CodeAttacker(person, random, [new Client()]);
  const rounds = roundTimes().filter((time) => time <= everySeconds - 60).length - 1;
  let ownerSignIns = 0;
  const signIns = (days * daySeconds) / everySeconds;
  for (let signIn = 0; signIn < signIns; signIn++) {
    const start = signIn * everySeconds;
    setClock(start);
    if (await signInAsOwner(person)) ownerSignIns += 1;
    for (const [round, time] of roundTimes()
      .slice(0, rounds + 1)
      .entries()) {
      setClock(start + 30 + time);
      await attacker.fire(1, round === rounds ? 4 : 5);
    }
  }
  return { perDay: (await countEvaluated(person)) / days - signIns / days, ownerSignIns, signIns };
}

async function signInAsOwner(person: Person): Promise<boolean> {
  const [token = ""] = await openPending(person, 1);
  const answer = await verify(token, await code(person.secret), { address: addressOf(1) });
  return answer.status === 200;
}

const cadences = [
  { days: 30, hours: 24, words: "once a day" },
  { days: 10, hours: 8, words: "three times a day" },
];

it.for(cadences)(
  "an attacker who waits for an owner who signs in $words",
  async ({ days, hours, words }, { task }) => {
    const random = new Random(`${env.SEED} patient ${hours}`);
    const [person] = await createPeople(random, 1);
    if (person === undefined) return;
    const { perDay, ownerSignIns, signIns } = await spendDays(person, random, days, hours * 3600);
    const computed = (guessesBetweenSignIns(hours * 3600 - 60) * 24) / hours;
    task.meta.figures = [
      {
        attack: `${attack}, waiting for the owner's sign-in (${words})`,
        what: `guesses evaluated per day (${days} days)`,
        measured: count(perDay),
        computed: count(computed),
        limit: null,
        ok: true,
      },
      {
        attack: `${attack}, waiting for the owner's sign-in (${words})`,
        what: "success within a year",
        measured: percent(chanceOfGuesses(perDay * 365), 1),
        computed: percent(chanceOfGuesses(computed * 365), 1),
        limit: null,
        ok: true,
      },
      {
        attack: `${attack}, waiting for the owner's sign-in (${words})`,
        what: "the owner signs in",
        measured: `${ownerSignIns} of ${signIns}`,
        computed: "always",
        limit: "100 %",
        ok: ownerSignIns === signIns,
      },
    ];
  },
);

it("the owner, while an attacker never rests", async ({ task }) => {
  const random = new Random(`${env.SEED} owner`);
  const people = await createPeople(random, 30);
  const rounds = roundTimes();
  const end = rounds.at(-1) ?? 0;
  const owners = people.map((person) => ({
    person,
    attacker: new CodeAttacker(person, random, [new Client()]),
    comesAt: random.below(end - 1) + 1,
    waits: 0,
    state: "outside" as "outside" | "waiting" | "in",
  }));
  type Owner = (typeof owners)[number];
  const trySignIn = async (owner: Owner) => {
    const isIn = await signInAsOwner(owner.person);
    if (!isIn) owner.waits += 1;
    owner.state = isIn ? "in" : "waiting";
  };
  for (const [index, now] of rounds.entries()) {
    setClock(now);
    await inParallel(
      owners.filter(({ state }) => state !== "in"),
      10,
      async (owner) => {
        // Both try in the second in which the cool-down ends. The order is random.
        const ownerFirst = random.next() < 0.5;
        if (owner.state === "waiting" && ownerFirst) await trySignIn(owner);
        if (owner.state === "in") return;
        await owner.attacker.fire(1);
        if (owner.state === "waiting" && !ownerFirst) await trySignIn(owner);
      },
    );
    const next = rounds[index + 1] ?? now;
    const coming = owners.filter(
      ({ comesAt, state }) => state === "outside" && comesAt > now && comesAt < next,
    );
    for (const owner of coming.sort((a, b) => a.comesAt - b.comesAt)) {
      setClock(owner.comesAt);
      await trySignIn(owner);
    }
  }
  const within = (waits: number) =>
    owners.filter((owner) => owner.state === "in" && owner.waits <= waits).length / owners.length;
  task.meta.figures = [
    {
      attack,
      what: "the owner signs in: at the first attempt / after at most one wait / after at most three, racing the attacker",
      measured: [0, 1, 3].map((waits) => percent(within(waits), 0)).join(" / "),
      computed: "0 % / 50 % / 88 %, less the attempts when the budget is nearly used up",
      limit: null,
      ok: true,
    },
  ];
});
