import { randomBytes } from "node:crypto";
import type { Bundle } from "../../scripts/bundle.ts";
import {
  type BenchWorker,
  bundleBenchWorker,
  bundleSallyport,
  type RunningWorkers,
  startWorkers,
} from "../workers.ts";
import type { DatabaseFiles } from "./database-files.ts";
import { sessionMilliseconds } from "./fill.ts";

/** The Workers of a database. */
type Part = "sallyport" | "sign-in" | "counting";

/** Workers in one workerd: three for each database. */
export interface GrowthWorkers {
  /** Returns the address of a Worker of the database with this number of users. */
  origin(users: number, part: Part): Promise<string>;
  stop(): Promise<void>;
}

/** Serves all databases at the same time. */
export async function startGrowthWorkers(
  files: DatabaseFiles,
  sizes: readonly number[],
  keyrings: { KEYRING: string; ROTATED_KEYRING: string },
): Promise<GrowthWorkers> {
  const bundles: Record<Part, Bundle> = {
    sallyport: bundleSallyport(),
    "sign-in": bundleBenchWorker("./growth/worker/sign-in.worker.ts"),
    counting: bundleSallyport({ entry: "./growth/worker/counting.worker.ts" }),
  };
  // The maximum session age, so that all stored sessions are unexpired.
  const SESSION_MAX_AGE = String(sessionMilliseconds / 1000);
  // Required, but not used here.
  const ADMIN_KEY = randomBytes(32).toString("base64url");
  const variables = { ...keyrings, ADMIN_KEY, SESSION_MAX_AGE, SESSION_IDLE: SESSION_MAX_AGE };
  const parts = Object.keys(bundles) as Part[];
  const workers: RunningWorkers = await startWorkers(
    sizes.flatMap((users) =>
      parts.map(
        (part): BenchWorker => ({
          name: nameOf(users, part),
          bundle: bundles[part],
          variables,
          databases: { DB: files.idOf(users) },
          namespaces: { BLOCKS: "growth" },
        }),
      ),
    ),
    { persistTo: files.folder },
  );
  return {
    origin: async (users, part) => (await workers.url(nameOf(users, part))).origin,
    stop: () => workers.stop(),
  };
}

const nameOf = (users: number, part: Part) => `${part}-${users}`;
