import { randomBytes } from "node:crypto";
import type { Bundle } from "../../scripts/bundle.ts";
import { createKeyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { applyMigrations } from "../fixtures/migrations.ts";
import { startLoad } from "../load/load.ts";
import { bundleBenchWorker, startWorkers } from "../workers.ts";
import { openInspector } from "./inspector.ts";
import { createMix } from "./mixed-requests.ts";

/** The size of live objects in the isolate after a number of requests. */
export interface HeapReading {
  readonly requests: number;
  readonly bytes: number;
}

/**
 * Sends mixed requests to one isolate of the bundle, with a gate, and reads its heap size in between. A heap that keeps growing
 * with the requests would eventually exceed the isolate's limit.
 *
 * @param requests the total; the heap is read ten times
 */
export async function measureHeap(sallyport: Bundle, requests: number): Promise<HeapReading[]> {
  const keys = `k1:${randomBytes(32).toString("base64")}`;
  const parsed = parseKeyringEntries(keys);
  if (!parsed.ok) throw new Error(parsed.message);
  const origin = await startWorkers([
    { name: "origin", bundle: bundleBenchWorker("./floors/origin.worker.ts") },
  ]);
  const variables = {
    KEYRING: keys,
    ADMIN_KEY: randomBytes(32).toString("base64url"),
    ORIGIN_URL: (await origin.url("origin")).origin,
  };
  const worker = { name: "sallyport", bundle: sallyport, variables };
  const running = await startWorkers([{ ...worker, databases: { DB: "db" }, namespaces: { BLOCKS: "kv" } }], {
    inspect: true,
  });
  const load = startLoad();
  try {
    const db = await running.database(worker.name, "DB");
    await applyMigrations(db);
    const mix = await createMix(db, createKeyring(parsed.entries), requests / 10);
    const target = (await running.url(worker.name)).origin;
    const wake = async () => (await fetch(`${target}/api/auth/assets/sallyport.css`)).text();
    const inspector = await openInspector(await running.inspectorUrl(worker.name));
    const readings: HeapReading[] = [];
    for (let sent = mix.size; sent <= requests; sent += mix.size) {
      await load.send({ origin: target, requests: await mix.next(), repeat: 1, connections: 4 });
      readings.push({ requests: sent, bytes: await inspector.heapBytes(wake) });
    }
    inspector.close();
    return readings;
  } finally {
    load.stop();
    await running.stop();
    await origin.stop();
  }
}
