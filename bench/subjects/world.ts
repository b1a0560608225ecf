import { randomBytes } from "node:crypto";
import { createKeyring, type Keyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { type BenchAccount, createAccounts } from "../fixtures/accounts.ts";
import { applyMigrations } from "../fixtures/migrations.ts";
import { type Load, startLoad } from "../load/load.ts";
import { createPeer, type Peer, peerWorker } from "../peers/better-auth.ts";
import {
  type BenchWorker,
  bundleBenchWorker,
  bundleSallyport,
  type RunningWorkers,
  startWorkers,
} from "../workers.ts";

import { proxyKey } from "./requests.ts";

/** The additional latency of D1, in milliseconds per call: in the same place, on the same continent, on another continent. */
export const distances = [0, 20, 80] as const;
export type Distance = (typeof distances)[number];

/** All compared Workers, which run in one workerd. The origin behind the gates has its own. */
export interface World {
  readonly workers: RunningWorkers;
  readonly load: Load;
  readonly keyring: Keyring;
  /** The database that all Workers of Sallyport share. */
  readonly database: D1Database;
  readonly accounts: readonly BenchAccount[];
  readonly adminKey: string;
  /** `peer-0`, `peer-20`, `peer-80` and `peer-cached`. */
  peer(name: string): Peer;
  stop(): Promise<void>;
}

/** The realm of the backend that calls over HTTP and RPC. */
export const backendRealm = "local";

/** Starts the Workers, and creates accounts that all have a second factor. */
export async function startWorld(accountCount: number): Promise<World> {
  const keys = `k1:${randomBytes(32).toString("base64")}`;
  const adminKey = randomBytes(32).toString("base64url");
  const origin = await startWorkers([
    { name: "origin", bundle: bundleBenchWorker("./floors/origin.worker.ts") },
  ]);
  const ORIGIN_URL = (await origin.url("origin")).origin;
  const variables = {
    KEYRING: keys,
    ADMIN_KEY: adminKey,
    PROXY_KEY: proxyKey,
    FIRST_FACTOR: "password",
    ORIGIN_URL,
  };
  const own = { variables, databases: { DB: "sallyport" }, namespaces: { BLOCKS: "sallyport" } };
  const peers = bundleBenchWorker("./peers/better-auth.worker.ts");
  const further = bundleSallyport({ entry: "./subjects/sallyport.worker.ts" });
  const list: BenchWorker[] = [
    { name: "bare", bundle: bundleBenchWorker("./floors/bare.worker.ts") },
    { name: "hono", bundle: bundleBenchWorker("./floors/hono.worker.ts") },
    {
      name: "proxy",
      bundle: bundleBenchWorker("./floors/proxy.worker.ts"),
      variables: { ORIGIN_URL },
    },
    {
      name: "proxy-identity",
      bundle: bundleBenchWorker("./floors/proxy.worker.ts"),
      variables: { ORIGIN_URL, IDENTITY_HEADERS: "1" },
    },
    { name: "store", bundle: bundleBenchWorker("./floors/store.worker.ts"), databases: { DB: "floor" } },
    { name: "sallyport", bundle: bundleSallyport(), ...own },
    {
      name: "rpc",
      bundle: bundleBenchWorker("./subjects/rpc-caller.worker.ts"),
      services: {
        SECOND_FACTOR: {
          name: "sallyport",
          entrypoint: "SecondFactor",
          props: { realm: backendRealm, caller: "bench" },
        },
      },
    },
    ...distances.map((delay) => ({
      name: `sallyport-${delay}`,
      bundle: further,
      ...own,
      variables: { ...variables, D1_DELAY_MS: String(delay) },
    })),
    ...distances.map((delayMilliseconds) =>
      peerWorker(`peer-${delayMilliseconds}`, peers, { delayMilliseconds }),
    ),
    peerWorker("peer-cached", peers, { cookieCache: true }),
  ];
  const workers = await startWorkers(list);
  const floor = await workers.database("store", "DB");
  await floor.batch([
    floor.prepare("CREATE TABLE floor (id TEXT PRIMARY KEY, n INTEGER NOT NULL, text TEXT NOT NULL)"),
    floor.prepare("INSERT INTO floor VALUES ('1', 0, ?)").bind("x".repeat(600)),
  ]);
  const database = await workers.database("sallyport", "DB");
  await applyMigrations(database);
  const parsed = parseKeyringEntries(keys);
  if (!parsed.ok) throw new Error("KEYRING is not valid");
  const keyring = createKeyring(parsed.entries);
  const accounts = await createAccounts(database, keyring, accountCount);
  const made = new Map<string, Peer>();
  for (const { name } of list.filter(({ name }) => name.startsWith("peer-")))
    made.set(name, await createPeer(workers, name));
  const load = startLoad();
  return {
    workers,
    load,
    keyring,
    database,
    accounts,
    adminKey,
    peer(name) {
      const peer = made.get(name);
      if (peer === undefined) throw new Error(`There is no peer ${name}`);
      return peer;
    },
    async stop() {
      load.stop();
      await workers.stop();
      await origin.stop();
    },
  };
}
