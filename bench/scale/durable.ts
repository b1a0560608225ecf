/**
 * `node bench/scale/durable.ts`: runs the unchanged Sallyport on a SQLite-backed Durable Object instead of D1. It shows that
 * `src/store` needs no other SQL, and that one call of the object is a transaction, as a batch must be.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { bundleWorker } from "../../scripts/bundle.ts";
import { projectRoot } from "../../scripts/start/wrangler.ts";
import { createKeyring, type Keyring, parseKeyringEntries } from "../../src/core/crypto/keyring.ts";
import { users } from "../../src/store/platform/schema.ts";
import { type BenchAccount, codeOf, generateAccount } from "../fixtures/accounts.ts";
import { cellsOf, columnNames } from "../fixtures/rows.ts";
import type { SentStatement } from "./durable/object.ts";

const sessions = 20;
const tries = 60;

/** Sallyport on a Durable Object. */
interface ObjectWorker {
  readonly keyring: Keyring;
  /** Runs statements directly on the object. */
  sql(statements: readonly SentStatement[]): Promise<void>;
  post(path: string, body: unknown): Promise<{ status: number; token: string | undefined }>;
  stop(): Promise<void>;
}

async function start(): Promise<ObjectWorker> {
  const outDir = mkdtempSync(join(tmpdir(), "sallyport-scale-"));
  const entry = fileURLToPath(new URL("./durable/worker.js", import.meta.url));
  const { modules } = bundleWorker(outDir, { entry, configPath: join(projectRoot, "wrangler.toml") });
  const keyringText = `k1:${randomBytes(32).toString("base64")}`;
  const parsed = parseKeyringEntries(keyringText);
  if (!parsed.ok) throw new Error(parsed.message);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: () => {},
      workers: [
        {
          name: "sallyport",
          compatibilityDate: "2026-10-20",
          modules: modules.map((name, index) => ({
            type: index === 0 ? ("ESModule" as const) : ("Text" as const),
            path: join(outDir, name),
            contents: readFileSync(join(outDir, name), "utf8"),
          })),
          modulesRoot: outDir,
          bindings: {
            KEYRING: keyringText,
            ADMIN_KEY: randomBytes(32).toString("base64url"),
            ORIGIN_URL: "",
          },
          kvNamespaces: { BLOCKS: "scale" },
          durableObjects: { BUCKETS: { className: "Bucket", useSQLite: true } },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  );
  await miniflare.ready;
  rmSync(outDir, { recursive: true });
  const url = await miniflare.unsafeGetDirectURL("sallyport");
  const send = (path: string, body: unknown) =>
    fetch(new URL(path, url), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  return {
    keyring: createKeyring(parsed.entries),
    async sql(statements) {
      const response = await send("/sql", statements);
      if (!response.ok) throw new Error(await response.text());
    },
    async post(path, body) {
      const response = await send(`/api/auth${path}`, body);
      const { session_token: token } = (await response.json()) as { session_token?: string };
      return { status: response.status, token };
    },
    stop: () => miniflare.dispose(),
  };
}

async function applyMigrations({ sql }: ObjectWorker): Promise<void> {
  const folder = join(projectRoot, "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  for (const file of files.sort()) {
    const statements = readFileSync(join(folder, file), "utf8").split("--> statement-breakpoint");
    await sql(statements.map((statement) => ({ sql: statement, values: [] })));
  }
}

async function createAccount({ sql, keyring }: ObjectWorker): Promise<BenchAccount> {
  const { account, row } = await generateAccount(keyring);
  const names = columnNames(users);
  const insert = `INSERT INTO users (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
  await sql([{ sql: insert, values: cellsOf(users, row) }]);
  return account;
}

const worker = await start();
try {
  await applyMigrations(worker);
  const { username, password, secret } = await createAccount(worker);
  const signIns = await Promise.all(
    Array.from({ length: sessions }, () => worker.post("/login", { username, password })),
  );
  const opened = signIns.filter(({ status }) => status === 200);
  const code = await codeOf(secret, new Date());
  const answers = await Promise.all(
    Array.from({ length: tries }, (_, index) =>
      worker.post("/totp/verify", { session_token: opened[index % opened.length]?.token, code }),
    ),
  );
  const accepted = answers.filter(({ status }) => status === 200).length;
  console.log(`pending sessions opened at once: ${opened.length} of ${sessions}`);
  console.log(`accepted of ${tries} tries at once with one good code: ${accepted}`);
  process.exitCode = opened.length === sessions && accepted === 1 ? 0 : 1;
} finally {
  await worker.stop();
}
