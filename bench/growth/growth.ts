import { randomBytes } from "node:crypto";
import { createKeyring, type Keyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { type Load, startLoad } from "../load/load.ts";
import type { Section } from "../report.ts";
import { interleave, type Subject } from "../rounds.ts";
import { type CastPlan, type Place, populate } from "./cast.ts";
import { costOfEach } from "./costs.ts";
import { createDatabaseFiles } from "./database-files.ts";
import { type GrowthWorkers, startGrowthWorkers } from "./growth-workers.ts";
import { backlogRun, emptyRun, rotatedRun, runHourlyJob } from "./hourly-jobs.ts";
import { type Operation, operations } from "./operations.ts";
import { type JobResult, type OperationResult, showGrowth } from "./show-growth.ts";

/** Requests per operation, database and round: a small number, so that the databases alternate often. */
const maxRequestsPerRound = 100;
const countedRequests = 4;
/** Accounts for each other operation: enough that consecutive requests rarely use an account that is still cached. */
const maxOthers = 1000;
const minOthers = 50;

/**
 * Measures the effect of growth. Databases of different sizes, with three unexpired sessions and three events per user, are served at
 * the same time and measured alternately. Requires 4 kB of temporary disk space per user. Prints the progress on stderr:
 * filling a database of a million users takes several minutes.
 *
 * @param options `sizes`: the numbers of users of the databases. The smallest database is the baseline
 * @throws Error when the smallest database has too few users for the rounds: each user can use one code
 */
export async function measureGrowth({
  rounds,
  sizes,
}: {
  rounds: number;
  sizes: readonly number[];
}): Promise<Section> {
  const users = [...sizes].sort((a, b) => a - b);
  const perRound = planRounds(rounds, users[0] ?? 0);
  const [KEYRING, olderKey] = [generateKey("k1"), generateKey("k0")];
  const keyring = openKeyring(KEYRING);
  const files = await createDatabaseFiles(users);
  try {
    const places: Place[] = [];
    for (const size of users) {
      const plan = planCast(size, rounds, perRound);
      places.push(await populate(files.pathOf(size), size, plan, keyring, report));
    }
    const keyrings = { KEYRING, ROTATED_KEYRING: `${KEYRING},${olderKey}` };
    const workers = await startGrowthWorkers(files, users, keyrings);
    const load = startLoad();
    try {
      return showGrowth({
        users,
        perRound,
        operations: await measureOperations(workers, load, places, rounds, perRound),
        jobs: await runJobs(workers, users),
        sizes: places.map((place) => place.sizes),
      });
    } finally {
      load.stop();
      await workers.stop();
    }
  } finally {
    files.remove();
  }
}

const report = (text: string) => process.stderr.write(`growth: ${text}\n`);

const generateKey = (kid: string) => `${kid}:${randomBytes(32).toString("base64")}`;

function openKeyring(text: string): Keyring {
  const parsed = parseKeyringEntries(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return createKeyring(parsed.entries);
}

/** Returns the number of requests per round that the smallest database has users for, including the discarded first round. */
function planRounds(rounds: number, minUsers: number): number {
  const free = minUsers - 2 * minOthers - countedRequests;
  const perRound = Math.min(maxRequestsPerRound, Math.floor(free / (rounds + 1)));
  if (perRound < 10) throw new Error(`${minUsers} users are too few for ${rounds} rounds`);
  return perRound;
}

function planCast(users: number, rounds: number, perRound: number): CastPlan {
  const verifying = perRound * (rounds + 1) + countedRequests;
  const others = Math.min(maxOthers, Math.floor((users - verifying) / 2));
  return { verifying, signingIn: others, present: others };
}

async function measureOperations(
  workers: GrowthWorkers,
  load: Load,
  places: readonly Place[],
  rounds: number,
  perRound: number,
): Promise<OperationResult[]> {
  const subjects = await Promise.all(
    operations.flatMap((operation) =>
      places.map((place) => subjectOf(workers, load, place, operation, perRound)),
    ),
  );
  const measured = await interleave(subjects, rounds, (done) => report(`${done} of ${rounds} rounds`));
  const results: OperationResult[] = [];
  for (const [index, operation] of operations.entries()) {
    const costs = [];
    for (const { users, cast } of places) {
      const requests = await (operation.wholeRequests ?? operation.requests)(cast, countedRequests);
      costs.push(await costOfEach(await workers.origin(users, "counting"), requests));
    }
    const ofSizes = measured.slice(index * places.length, (index + 1) * places.length);
    results.push({ name: operation.name, measured: ofSizes, costs });
  }
  return results;
}

/** Uses one connection, because latency is compared. */
async function subjectOf(
  workers: GrowthWorkers,
  load: Load,
  { users, cast }: Place,
  { name, timed, requests }: Operation,
  perRound: number,
): Promise<Subject> {
  const origin = await workers.origin(users, timed);
  let next: Awaited<ReturnType<typeof requests>> = [];
  return {
    name: `${name}, ${users} users`,
    prepare: async () => {
      next = await requests(cast, perRound);
    },
    run: () => load.send({ origin, requests: next, repeat: 1, connections: 1 }),
  };
}

async function runJobs(workers: GrowthWorkers, sizes: readonly number[]): Promise<JobResult[]> {
  const now = new Date();
  const results: JobResult[] = [];
  for (const job of [emptyRun, rotatedRun, backlogRun]) {
    const runs = [];
    for (const users of sizes) {
      report(`hourly job, ${users} users: ${job.name}`);
      runs.push(await runHourlyJob(await workers.origin(users, "counting"), job, now));
    }
    results.push({ name: job.name, runs });
  }
  return results;
}
