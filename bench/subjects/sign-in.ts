import type { BenchAccount } from "../fixtures/accounts.ts";
import { openFull } from "../fixtures/sessions.ts";
import { type Section, showRatio } from "../report.ts";
import { interleave, latencyRatio, p50, p95 } from "../rounds.ts";
import { captureBatch, queryOf } from "./batch.ts";
import { call } from "./requests.ts";
import { httpSubject } from "./subject.ts";
import type { World } from "./world.ts";

/** Measures a sign-in with a password, and a set-up with its QR code. */
export async function measureSignIn(world: World, rounds: number, count: number): Promise<Section> {
  const { accounts } = world;
  const signIns = (people: readonly BenchAccount[]) =>
    people.map(({ username, password }) => call("/login", { username, password }));
  const [first] = signIns(accounts.slice(0, 1));
  if (first === undefined) throw new Error("There is no account");
  const trips = queryOf(await captureBatch(world, first));
  const floor = (name: string, path: string) =>
    httpSubject(world, name, {
      worker: "store",
      requests: () => [{ method: "GET", path, headers: {}, status: 200 }],
      repeat: count,
    });
  const measured = await interleave(
    [
      floor("floor: one scrypt", "/scrypt"),
      floor("floor: one scrypt, one read, one batch", `/scrypt-read-batch?${trips}`),
      httpSubject(world, "sign-in", {
        worker: "sallyport",
        requests: () => signIns(accounts.slice(0, count)),
      }),
      httpSubject(world, "better-auth: sign-in", {
        worker: "peer-0",
        requests: () => world.peer("peer-0").signIns(count),
      }),
      httpSubject(world, "set-up with QR code", {
        worker: "sallyport",
        requests: () => setUps(world, count),
      }),
    ],
    rounds,
  );
  const [, trip] = measured;
  if (trip === undefined) throw new Error("The floor is missing");
  return {
    title: "A password, and a set-up",
    tables: [
      {
        heading: ["", "× one scrypt, one read, one batch (quartiles)", "p50, ms", "p95, ms"],
        rows: measured.map((one) => [
          one.name,
          showRatio(latencyRatio(one, trip)),
          p50(one).toFixed(1),
          p95(one).toFixed(1),
        ]),
      },
    ],
    notes: [
      "One at a time. The hash takes nearly all of the time of a sign-in: Sallyport's scrypt has N=16384, r=8, p=5 (the platform allows no more), better-auth's has N=16384, r=16, p=1, which is two fifths of the work. So this table compares two settings. The table of distances compares two designs.",
    ],
    verdicts: [],
  };
}

/** Creates set-up requests for the last `count` accounts, whose second factor it removes. */
async function setUps({ accounts, database, keyring }: World, count: number) {
  const people = accounts.slice(-count);
  await database.batch([
    database
      .prepare(
        "UPDATE users SET totp_enabled = 0, totp_secret = NULL WHERE id IN (SELECT value FROM json_each(?))",
      )
      .bind(JSON.stringify(people.map(({ id }) => id))),
    database.prepare("DELETE FROM throttles"),
  ]);
  const tokens = await openFull(database, keyring, people);
  return tokens.map((token) => call("/totp/setup", {}, { headers: { Authorization: `Bearer ${token}` } }));
}
