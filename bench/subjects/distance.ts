import { codeOf, unspendSteps } from "../fixtures/accounts.ts";
import { openPending } from "../fixtures/sessions.ts";
import { type Section, showRatio } from "../report.ts";
import { interleave, latencyRatio, type Measured, p50, type Subject } from "../rounds.ts";
import { call } from "./requests.ts";
import { httpSubject } from "./subject.ts";
import { type Distance, distances, type World } from "./world.ts";

/** The targets for the peer's latency divided by Sallyport's, by the latency of D1. */
const targets: Readonly<Record<Distance, number | null>> = { 0: null, 20: 4, 80: 5 };

/** Measures the same steps with increasing latency of D1, which each sequential trip adds to the total. */
export async function measureDistance(world: World, rounds: number, count: number): Promise<Section> {
  const { accounts, database, keyring } = world;
  const steps: { name: string; of: (delay: Distance) => Subject; peer: (delay: Distance) => Subject }[] = [
    {
      name: "verify (TOTP)",
      of: (delay) => {
        const at = distances.indexOf(delay);
        const people = accounts.slice(at * count, (at + 1) * count);
        return httpSubject(world, `verify, ${delay} ms`, {
          worker: `sallyport-${delay}`,
          requests: async () => {
            await unspendSteps(database, people);
            const tokens = await openPending(database, keyring, people);
            return Promise.all(
              people.map(async ({ secret }, index) =>
                call("/totp/verify", {
                  session_token: tokens[index],
                  code: await codeOf(secret, new Date()),
                }),
              ),
            );
          },
        });
      },
      peer: (delay) =>
        httpSubject(world, `better-auth: verify, ${delay} ms`, {
          worker: `peer-${delay}`,
          // The peer without additional latency creates the fixtures: all peers share a database.
          requests: () => world.peer("peer-0").verifies(Math.max(4, Math.round(count / 2))),
        }),
    },
    {
      name: "sign-in",
      of: (delay) =>
        httpSubject(world, `sign-in, ${delay} ms`, {
          worker: `sallyport-${delay}`,
          requests: () =>
            accounts.slice(0, 4).map(({ username, password }) => call("/login", { username, password })),
        }),
      peer: (delay) =>
        httpSubject(world, `better-auth: sign-in, ${delay} ms`, {
          worker: `peer-${delay}`,
          requests: () => world.peer("peer-0").signIns(4),
        }),
    },
  ];
  const pairs = steps.flatMap(({ name, of, peer }) =>
    distances.map((delay) => ({ name, delay, subjects: [of(delay), peer(delay)] as const })),
  );
  const measured = await interleave(
    pairs.flatMap(({ subjects }) => [...subjects]),
    rounds,
  );
  const compared = pairs.map(({ name, delay }, index) => {
    const [own, peer] = [measured[2 * index], measured[2 * index + 1]] as [Measured, Measured];
    return { name, delay, own, peer, ratio: latencyRatio(peer, own) };
  });
  return {
    title: "Distance",
    tables: [
      {
        heading: [
          "",
          "added to each call to D1",
          "better-auth's time ÷ Sallyport's (quartiles)",
          "p50, ms",
          "better-auth, p50, ms",
        ],
        rows: compared.map(({ name, delay, own, peer, ratio }) => [
          name,
          `${delay} ms`,
          showRatio(ratio),
          p50(own).toFixed(1),
          p50(peer).toFixed(1),
        ]),
      },
    ],
    notes: [
      "One at a time. A `batch` is one call. Only the distance to D1 differs: the visitor's distance to the Worker is the same for both.",
    ],
    verdicts: compared.flatMap(({ name, delay, ratio }) => {
      const least = targets[delay];
      if (least === null || name === "sign-in") return [];
      return [
        {
          target: `verify, D1 ${delay} ms away: at least ${least} × as fast as better-auth`,
          measured: showRatio(ratio),
          met: ratio.median >= least,
        },
      ];
    }),
  };
}
