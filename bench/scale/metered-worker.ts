import { randomBytes } from "node:crypto";
import { createKeyring, type Keyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { applyMigrations } from "../fixtures/migrations.ts";
import { bundleSallyport, startWorkers } from "../workers.ts";
import type { Metered } from "./worker/meter.ts";

const base = "/api/auth";

/** Sallyport with a meter on its stores, which are initially empty. */
export interface MeteredWorker {
  readonly db: D1Database;
  readonly keyring: Keyring;
  readonly adminKey: string;
  /**
   * Sends a request and returns its cost. `path` is relative to `BASE_PATH`, or `/hourly`.
   *
   * @throws Error when the status is not 200, 201 or `status`
   */
  send(path: string, request?: Request): Promise<{ readonly json: unknown; readonly metered: Metered }>;
  stop(): Promise<void>;
}

/** A request of the JSON API. */
export interface Request {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
}

/** A typical value: it is stored with every session and event, so its length affects their size. */
const userAgent =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/** Bundles Sallyport with the meter, and starts it. */
export async function startMeteredWorker(): Promise<MeteredWorker> {
  const bundle = bundleSallyport({ entry: "./scale/worker/metered.js" });
  const keyringText = `k1:${randomBytes(32).toString("base64")}`;
  const parsed = parseKeyringEntries(keyringText);
  if (!parsed.ok) throw new Error(parsed.message);
  const adminKey = randomBytes(32).toString("base64url");
  // With SESSION_RECHECK=0 every session check reads D1.
  const variables = { KEYRING: keyringText, ADMIN_KEY: adminKey, ORIGIN_URL: "", SESSION_RECHECK: "0" };
  const stores = { databases: { DB: "scale" }, namespaces: { BLOCKS: "scale" } };
  const workers = await startWorkers([{ name: "sallyport", bundle, variables, ...stores }]);
  const db = await workers.database("sallyport", "DB");
  await applyMigrations(db);
  const url = await workers.url("sallyport");
  return {
    db,
    keyring: createKeyring(parsed.entries),
    adminKey,
    send: (path, request = {}) => send(url, path, request),
    stop: () => workers.stop(),
  };
}

async function send(url: URL, path: string, { body, token, headers, status }: Request) {
  await takeMetered(url);
  const response = await fetch(new URL(path === "/hourly" ? path : base + path, url), {
    method: body === undefined && path !== "/hourly" ? "GET" : "POST",
    headers: {
      "User-Agent": userAgent,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (status === undefined ? !response.ok : response.status !== status)
    throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return { json: isJson ? JSON.parse(text) : null, metered: await takeMetered(url) };
}

const takeMetered = async (url: URL): Promise<Metered> =>
  (await (await fetch(new URL("/metered", url))).json()) as Metered;
