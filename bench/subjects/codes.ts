import { type BenchAccount, codeOf, unspendSteps } from "../fixtures/accounts.ts";
import { openPending } from "../fixtures/sessions.ts";
import type { PreparedRequest } from "../load/exchange.ts";
import { type Section, showRatio } from "../report.ts";
import { interleave, latencyRatio, type Measured, p50, p95, type Subject } from "../rounds.ts";
import { captureBatch, queryOf } from "./batch.ts";
import { basePath, call } from "./requests.ts";
import { httpSubject } from "./subject.ts";
import type { World } from "./world.ts";

/** Returns the code that is entered for an account in a round. */
type Write = (account: BenchAccount, round: number) => Promise<string> | string;

const totp: Write = ({ secret }) => codeOf(secret, new Date());
/** Each round uses one of the ten codes. */
const backupCode: Write = ({ backupCodes }, round) => backupCodes[round] ?? "";
/** Returns a code that is not valid for any nearby time step. */
const wrongCode: Write = async ({ secret }) => {
  const near = await Promise.all(
    [-60, -30, 0, 30, 60].map((seconds) => codeOf(secret, new Date(Date.now() + seconds * 1000))),
  );
  return (
    ["000000", "111111", "222222", "333333", "444444", "555555"].find((code) => !near.includes(code)) ?? ""
  );
};

/** The limit of rounds: with the discarded first round, all ten backup codes are used. */
export const maxRounds = 9;

/** Compares the latency of codes with that of the necessary trips to D1. */
export async function measureCodes(world: World, rounds: number, count: number): Promise<Section> {
  const { accounts, database, keyring } = world;
  const pool = (index: number) => accounts.slice(index * count, (index + 1) * count);
  const [forTotp, forBackup, forWrong, forService, forRpc, forShape] = [0, 1, 2, 3, 4, 5].map(pool) as [
    BenchAccount[],
    BenchAccount[],
    BenchAccount[],
    BenchAccount[],
    BenchAccount[],
    BenchAccount[],
  ];
  const apiKey = await createApiKey(world);
  const signInStep = (people: readonly BenchAccount[], write: Write, status = 200) => {
    let round = 0;
    return async (): Promise<PreparedRequest[]> => {
      await unspendSteps(database, people);
      const tokens = await openPending(database, keyring, people);
      const codes = await Promise.all(people.map((account) => write(account, round)));
      round += 1;
      return tokens.map((session_token, index) =>
        call("/totp/verify", { session_token, code: codes[index] }, { status }),
      );
    };
  };
  const forBackend =
    (people: readonly BenchAccount[], write: (account: BenchAccount, code: string) => PreparedRequest) =>
    async () => {
      await unspendSteps(database, people);
      return Promise.all(people.map(async (account) => write(account, await totp(account, 0))));
    };

  const [first = fail()] = await signInStep(forShape.slice(0, 1), totp)();
  const batch = await captureBatch(world, first);
  const trips = queryOf(batch);
  const floor = (name: string, path: string): Subject =>
    httpSubject(world, name, {
      worker: "store",
      requests: () => [{ method: "GET", path, headers: {}, status: 200 }],
      repeat: count,
    });

  const measured = await interleave(
    [
      floor("floor: one HMAC", "/hmac"),
      floor("floor: one read", "/read"),
      floor("floor: one batch", `/batch?${trips}`),
      floor("floor: one read and one batch", `/read-batch?${trips}`),
      httpSubject(world, "verify: TOTP", { worker: "sallyport", requests: signInStep(forTotp, totp) }),
      httpSubject(world, "verify: backup code", {
        worker: "sallyport",
        requests: signInStep(forBackup, backupCode),
      }),
      httpSubject(world, "verify: wrong code", {
        worker: "sallyport",
        requests: signInStep(forWrong, wrongCode, 401),
      }),
      httpSubject(world, "service API: verify", {
        worker: "sallyport",
        requests: forBackend(forService, ({ id }, code) =>
          call(`/v1/users/${id}/verify`, { code }, { headers: { Authorization: `Bearer ${apiKey}` } }),
        ),
      }),
      httpSubject(world, "RPC: verify", {
        worker: "rpc",
        requests: forBackend(forRpc, ({ id }, code) => call("/", { user: id, code })),
      }),
      httpSubject(world, "better-auth: verify", {
        worker: "peer-0",
        requests: () => world.peer("peer-0").verifies(Math.max(4, Math.round(count / 4))),
      }),
    ],
    rounds,
  );
  const [, , , trip = fail(), verify = fail()] = measured;
  const ratio = latencyRatio(verify, trip);
  return {
    title: "A code",
    tables: [
      {
        heading: ["", "× one read and one batch (quartiles)", "p50, ms", "p95, ms"],
        rows: measured.map((one) => row(one, trip)),
      },
    ],
    notes: [
      `One at a time, D1 on the same machine. Sallyport's batch has ${batch.statements} statements, of which ${batch.writing} write. The floor's batch has the same numbers; each of its statements finds one row by its key, in a table with one row and no index. The response to a wrong code is 401. The service API and RPC sign a receipt (Ed25519).`,
    ],
    verdicts: [
      {
        target: "verify: at most 1.25 × one read and one batch",
        measured: showRatio(ratio),
        met: ratio.median <= 1.25,
      },
    ],
  };
}

const row = (subject: Measured, floor: Measured): string[] => [
  subject.name,
  showRatio(latencyRatio(subject, floor)),
  p50(subject).toFixed(2),
  p95(subject).toFixed(2),
];

/** Creates an API key with the scope `verify`. */
async function createApiKey({ workers, adminKey }: World): Promise<string> {
  const response = await fetch(new URL(`${basePath}/v1/api-keys`, await workers.url("sallyport")), {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ name: "bench", scopes: ["verify"] }),
  });
  const { data } = (await response.json()) as { data?: { key?: string } };
  return data?.key ?? fail();
}

function fail(): never {
  throw new Error("Something is missing");
}
