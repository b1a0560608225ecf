/**
 * `npm run measure:import [-- USERS]`: measures the time and memory of an export and an import of generated users (default: 100,000)
 * on local D1. It uses only temporary databases and loopback addresses. Requires Linux (`/proc`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exportJWK, generateKeyPair } from "jose";
import { startWorker } from "../test/e2e/support/worker.ts";
import { openExport } from "./admin/open-export.ts";
import { type Measured, measure } from "./measure/memory.ts";
import { call, type Sum, sendLines, type Target } from "./measure/sequence.ts";
import { lineOfUser } from "./measure/users.ts";

const [mode = "100000", ...rest] = process.argv.slice(2);
if (mode === "--send") await sendAsChild(rest);
else await measureMove(Number(mode));

function* linesOf(users: number): Generator<string> {
  for (let index = 0; index < users; index += 1) yield lineOfUser(index);
}

// Runs in a child process, which the measurement kills.
async function sendAsChild([baseUrl = "", realm = "", users = "0"]: readonly string[]): Promise<void> {
  const target = { baseUrl, realm, adminKey: process.env.SALLYPORT_ADMIN_KEY ?? "" };
  // All lines are generated first, so that the process is killed while it sends a chunk.
  await sendLines(target, [...linesOf(Number(users))], (nextLine) => console.log(nextLine));
}

async function measureMove(users: number): Promise<void> {
  console.log(`${users} users, ${(Buffer.byteLength(lineOfUser(1)) / 1024).toFixed(2)} KiB a line`);
  const file: string[] = [];
  const one = await startWorker({});
  try {
    const target = (realm: string): Target => ({
      baseUrl: one.baseUrl,
      adminKey: one.adminKey,
      exportKey: one.exportKey,
      realm,
    });
    await sendLines(target("warm-up"), linesOf(1000));
    report("import", users, await measure(() => sendLines(target("whole"), linesOf(users))));
    report("the same again", users, await measure(() => sendLines(target("whole"), linesOf(users))));
    const line = await killInTheMiddle(target("killed"), users);
    console.log(`killed with SIGKILL during the chunk that starts at line ${line}`);
    const again = await measure(() => sendLines(target("killed"), linesOf(users)));
    report("after the kill", users, again);
    expectEqual(again.result.created + again.result.unchanged, users, "users after the kill");
    for (const realm of ["killed", "whole"]) {
      file.length = 0;
      report(`export ${realm}`, users, await measure(() => download(target(realm), file)));
      const ids = new Set(file.map((text) => JSON.parse(text).id));
      expectEqual(file.length, users, "exported lines");
      expectEqual(ids.size, users, "different users");
    }
  } finally {
    await one.stop();
  }
  const other = await startWorker({});
  try {
    const { baseUrl, adminKey, exportKey } = other;
    const target = { baseUrl, adminKey, exportKey, realm: "whole" };
    await sendLines({ ...target, realm: "warm-up" }, linesOf(1000));
    report("import of the export", users, await measure(() => sendLines(target, file)));
    const back: string[] = [];
    report("and out again", users, await measure(() => download(target, back)));
    expectEqual(back.join("") === file.join("") ? 1 : 0, 1, "export of the import is the export");
  } finally {
    await other.stop();
  }
}

/** Starts the import, kills its process after half of the lines, and returns the next line. */
async function killInTheMiddle({ baseUrl, realm, adminKey }: Target, users: number): Promise<number> {
  const args = [fileURLToPath(import.meta.url), "--send", baseUrl, realm, String(users)];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SALLYPORT_ADMIN_KEY: adminKey },
  });
  const ended = once(child, "exit");
  let nextLine = 1;
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) {
      nextLine = Number(line);
      // Kill it during the next chunk, not between two chunks.
      if (nextLine > users / 2) setTimeout(() => child.kill("SIGKILL"), 700);
    }
  }
  const [, signal] = await ended;
  if (signal !== "SIGKILL") throw new Error("The sequence ended before it could be killed");
  return nextLine;
}

/** Exports a realm and decrypts the export while receiving it. Appends the line of each user to `lines`. */
async function download(target: Target, lines: string[]): Promise<Sum> {
  const { publicKey, privateKey } = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
  const body = JSON.stringify({ recipient: await exportJWK(publicKey) });
  const answer = await call(target, "/v1/export", "application/json", body);
  if (answer.status !== 200 || answer.body === null) throw new Error(`export: ${answer.status}`);
  const parts = openExport(partsOf(answer.body), await exportJWK(privateKey));
  for await (const text of parts) lines.push(...text.split(/(?<=\n)/).filter(Boolean));
  return { created: 0, unchanged: lines.length, failed: 0 };
}

async function* partsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let held = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    const parts = (held + decoder.decode(chunk, { stream: true })).split("\n");
    held = parts.pop() ?? "";
    yield* parts;
  }
  if (held !== "") yield held;
}

function report(what: string, users: number, measured: Measured<Sum>): void {
  const { result, seconds, cpuSeconds, startBytes, growthBytes } = measured;
  const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
  console.log(
    `${what.padEnd(22)}${seconds.toFixed(1).padStart(7)} s ${String(Math.round(users / seconds)).padStart(7)} users/s` +
      `  workerd: CPU ${cpuSeconds.toFixed(1)} s, memory ${mebibytes(startBytes)} + ${growthBytes.map(mebibytes).join(", ")} MiB  ${JSON.stringify(result)}`,
  );
}

function expectEqual(found: number, wanted: number, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}
