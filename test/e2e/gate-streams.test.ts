import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { computeCode } from "./support/authenticator.ts";
import { type Sallyport, startSallyport } from "./support/sallyport.ts";

const megabyte = 1024 * 1024;
const largeBytes = 100 * megabyte;
/** What the garbage collector may leave lying about; a body that is held would take its whole size. */
const allowedGrowthBytes = 64 * megabyte;

let sallyport: Sallyport;
let token: string;

async function call(path: string, body: object, bearer?: string) {
  const headers = {
    "Content-Type": "application/json",
    ...(bearer && { Authorization: `Bearer ${bearer}` }),
  };
  const url = `${sallyport.baseUrl}/api/auth${path}`;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as { session_token: string; data: { secret: string } };
}

before(async () => {
  sallyport = await startSallyport();
  const { session_token } = await call("/login", {
    username: sallyport.username,
    password: sallyport.password,
  });
  const { secret } = (await call("/totp/setup", {}, session_token)).data;
  await call("/totp/enable", { code: await computeCode(secret, Date.now() - 30_000) }, session_token);
  token = (await call("/step-up", { code: await computeCode(secret) }, session_token)).session_token;
});
after(() => sallyport?.stop());

/** The processes below this one. */
function descendantsOf(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = /\) \S+ (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        return [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        return [];
      }
    });
  const children = parents.filter(({ parent }) => parent === pid).map((child) => child.pid);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** What all runtimes of this Sallyport hold in memory. */
function workerdBytes(): number {
  return descendantsOf(sallyport.run.pid).reduce((total, pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd")) return total;
      const [, kilobytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
      return total + Number(kilobytes) * 1024;
    } catch {
      return total;
    }
  }, 0);
}

/** The most that the runtimes held while this went on, over what they held before. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const start = workerdBytes();
  assert.ok(start > 0, "no runtime was found");
  let most = start;
  const watch = setInterval(() => {
    most = Math.max(most, workerdBytes());
  }, 50);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
  return most - start;
}

async function download(bytes: number): Promise<number> {
  const response = await fetch(`${sallyport.baseUrl}/download?bytes=${bytes}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  assert.equal(response.status, 200);
  let received = 0;
  for await (const chunk of response.body ?? []) received += chunk.byteLength;
  return received;
}

/** Sends so many bytes to the origin's echo, and checks what comes back while it is still being sent. */
async function upload(bytes: number): Promise<void> {
  const chunk = new Uint8Array(megabyte).map((_, i) => i % 251);
  const sent = createHash("sha256");
  let left = bytes / megabyte;
  const body = new ReadableStream({
    pull(controller) {
      if (left-- === 0) return controller.close();
      sent.update(chunk);
      controller.enqueue(chunk);
    },
  });
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/octet-stream" };
  const init: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers,
    body,
    duplex: "half",
  };
  const response = await fetch(`${sallyport.baseUrl}/echo`, init);
  assert.equal(response.status, 200);
  const received = createHash("sha256");
  for await (const part of response.body ?? []) received.update(part);
  assert.equal(received.digest("hex"), sent.digest("hex"));
}

describe("WB-12 large bodies through the gate", () => {
  it("streams 100 MB to the visitor without holding them", async () => {
    await download(megabyte);
    const growth = await growthDuring(async () => assert.equal(await download(largeBytes), largeBytes));
    assert.ok(growth < allowedGrowthBytes, `the runtimes grew by ${Math.round(growth / megabyte)} MB`);
  });

  it("streams 100 MB to the origin and back without holding them", async () => {
    await upload(megabyte);
    const growth = await growthDuring(() => upload(largeBytes));
    assert.ok(growth < allowedGrowthBytes, `the runtimes grew by ${Math.round(growth / megabyte)} MB`);
  });

  it("hands on a range of a body", async () => {
    const headers = { Authorization: `Bearer ${token}`, Range: "bytes=10-19" };
    const response = await fetch(`${sallyport.baseUrl}/download?bytes=1000`, { headers });
    assert.equal(response.status, 206);
    assert.equal((await response.arrayBuffer()).byteLength, 10);
  });
});
