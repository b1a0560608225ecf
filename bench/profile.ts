/**
 * `npm run bench:profile -- session|gate|code [REQUESTS]`: prints the CPU time of one operation by function, in microseconds per
 * request. Sampling slows the code down, and waiting counts as idle, so only the proportions are meaningful.
 */
import { randomBytes } from "node:crypto";
import { createKeyring, parseKeyringEntries } from "../src/core/crypto/keyring.ts";
import { codeOf, createAccounts } from "./fixtures/accounts.ts";
import { applyMigrations } from "./fixtures/migrations.ts";
import { mintFullToken, openPending } from "./fixtures/sessions.ts";
import type { PreparedRequest } from "./load/exchange.ts";
import { startLoad } from "./load/load.ts";
import type { CpuProfile } from "./startup/cpu-profile.ts";
import { openInspector } from "./startup/inspector.ts";
import { call, createAuthRequest, proxyKey, visit } from "./subjects/requests.ts";
import { bundleBenchWorker, bundleSallyport, startWorkers } from "./workers.ts";

const [what = "session", count = "400"] = process.argv.slice(2);
const requests = Number(count);

const keys = `k1:${randomBytes(32).toString("base64")}`;
const origin = await startWorkers([
  { name: "origin", bundle: bundleBenchWorker("./floors/origin.worker.ts") },
]);
const variables = {
  KEYRING: keys,
  ADMIN_KEY: randomBytes(32).toString("base64url"),
  PROXY_KEY: proxyKey,
  FIRST_FACTOR: "password",
  ORIGIN_URL: (await origin.url("origin")).origin,
};
const workers = await startWorkers(
  [
    {
      name: "sallyport",
      bundle: bundleSallyport({ minify: false }),
      variables,
      databases: { DB: "sallyport" },
      namespaces: { BLOCKS: "sallyport" },
    },
  ],
  { inspect: true },
);
const load = startLoad();
try {
  const database = await workers.database("sallyport", "DB");
  await applyMigrations(database);
  const parsed = parseKeyringEntries(keys);
  if (!parsed.ok) throw new Error("KEYRING is not valid");
  const keyring = createKeyring(parsed.entries);
  const accounts = await createAccounts(database, keyring, what === "code" ? 2 * requests : 20);
  const visits = async (ask: (token: string) => PreparedRequest) =>
    (await Promise.all(accounts.map((account) => mintFullToken(keyring, account)))).map(ask);
  const verifies = async () => {
    const people = accounts.splice(0, requests);
    const tokens = await openPending(database, keyring, people);
    return Promise.all(
      people.map(async ({ secret }, index) =>
        call("/totp/verify", { session_token: tokens[index], code: await codeOf(secret, new Date()) }),
      ),
    );
  };
  const kinds: Readonly<Record<string, () => Promise<PreparedRequest[]>>> = {
    session: () => visits(createAuthRequest),
    gate: () => visits((token) => visit("/bytes/200", token)),
    code: verifies,
  };
  const make = kinds[what];
  if (make === undefined) throw new Error(`${what} is none of ${Object.keys(kinds)}`);
  const url = (await workers.url("sallyport")).origin;
  const send = (list: readonly PreparedRequest[]) =>
    load.send({ origin: url, requests: list, repeat: Math.max(1, requests / list.length), connections: 1 });
  await send(await make());
  const list = await make();
  const inspector = await openInspector(await workers.inspectorUrl("sallyport"));
  show(await inspector.profile(() => send(list)));
  inspector.close();
} finally {
  load.stop();
  await workers.stop();
  await origin.stop();
}
process.exit();

function show({ nodes, samples, timeDeltas }: CpuProfile): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const [self, total] = [new Map<string, number>(), new Map<string, number>()];
  for (const [index, sample] of samples.entries()) {
    const time = (timeDeltas[index] ?? 0) / requests;
    const stack = new Set<string>();
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const { functionName, lineNumber } = byId.get(id)?.callFrame ?? { functionName: "?", lineNumber: 0 };
      const name = `${functionName || "(anonymous)"}:${lineNumber + 1}`;
      if (id === sample) self.set(name, (self.get(name) ?? 0) + time);
      stack.add(name);
    }
    for (const name of stack) total.set(name, (total.get(name) ?? 0) + time);
  }
  for (const [title, times] of [
    ["by itself", self],
    ["with what it calls", total],
  ] as const) {
    console.log(`\n${title}, microseconds a request`);
    const longest = [...times].sort(([, a], [, b]) => b - a).slice(0, 45);
    for (const [name, time] of longest) console.log(`${time.toFixed(1).padStart(8)}  ${name}`);
  }
}
