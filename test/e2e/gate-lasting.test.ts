/**
 * INC-38: what lasts ends with its session, from a client through workerd to a site, with real connections. `SESSION_RECHECK`
 * is 5 seconds here. No test asserts a time: each waits for the end, and fails by the runner's limit when there is none.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";

const adminKey = randomBytes(32).toString("base64url");
const streamPieceMilliseconds = 50;

/** A request as the site has it, with what has become of it. */
interface AtSite {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Resolves with "complete" or "broken" at the end of the request's body. */
  readonly body: Promise<"complete" | "broken">;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
}

let bundle: Bundle;
let gate: DirectWorker;
let site: Server;
let next: PromiseWithResolvers<AtSite>;

before(async () => {
  next = Promise.withResolvers();
  site = createServer((received, response) => {
    const timer = setInterval(() => {
      if (received.url !== "/upload" && received.url !== "/poll") response.write("data: x\n\n");
    }, streamPieceMilliseconds);
    const closed = new Promise<void>((resolve) => {
      response.once("close", () => {
        clearInterval(timer);
        resolve();
      });
    });
    const body = new Promise<"complete" | "broken">((resolve) => {
      received.once("end", () => resolve("complete"));
      received.once("error", () => resolve("broken"));
    });
    received.resume();
    if (received.url === "/download") response.writeHead(200, { "Content-Length": 1_000_000_000 });
    if (received.url === "/slow") response.writeHead(200, { "Content-Length": 100_000 });
    if (received.url === "/events") response.writeHead(200, { "Content-Type": "text/event-stream" });
    next.resolve({ request: received, response, body, closed });
  });
  site.listen(0, "127.0.0.1");
  await new Promise((resolve) => site.once("listening", resolve));
  bundle = bundleSallyport();
  const variables = {
    KEYRING: generateKeyring(),
    ADMIN_KEY: adminKey,
    POLICY: '[{"path":"/*","require":"first_factor"}]',
    ENROLMENT: "optional",
    SESSION_RECHECK: "5",
    ORIGIN_URL: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
  };
  gate = await startDirectWorker(bundle, variables, { tables: true });
});
after(async () => {
  await gate?.stop();
  site?.closeAllConnections();
  site?.close();
  if (bundle) removeBundle(bundle);
});

async function call(path: string, body: object | undefined, bearer?: string) {
  const response = await fetch(`http://127.0.0.1:${gate.port}/api/auth${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body ?? {}),
  });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return (await response.json()) as { session_token: string };
}

/** Signs a new account in. */
async function signIn(): Promise<string> {
  const account = {
    username: `ada-${randomBytes(4).toString("hex")}`,
    password: randomBytes(12).toString("hex"),
  };
  await call("/v1/users", account, adminKey);
  return (await call("/login", account)).session_token;
}

const signOut = (token: string) => call("/logout", undefined, token);

/** Opens a connection through the gate. */
async function open(path: string, token: string, method = "GET") {
  next = Promise.withResolvers();
  const sent = request({ port: gate.port, host: "127.0.0.1", path, method, agent: false });
  sent.setHeader("Authorization", `Bearer ${token}`);
  const answered = new Promise<IncomingMessage>((resolve) => {
    sent.once("response", resolve);
  });
  sent.on("error", () => {});
  if (method === "GET") sent.end();
  else sent.write("the first half");
  return { sent, answered, atSite: await next.promise };
}

/** Reads a response to its end: "complete", or "cut" where the connection was closed before that. */
async function endOf(response: IncomingMessage): Promise<"complete" | "cut"> {
  response.resume();
  return new Promise((resolve) => {
    response.once("end", () => resolve("complete"));
    response.once("error", () => resolve("cut"));
  });
}

const firstPiece = (response: IncomingMessage) =>
  new Promise((resolve) => {
    response.once("data", resolve);
  });

describe("INC-38 what lasts, after a sign-out", () => {
  for (const path of ["/events", "/download", "/slow"])
    it(`cuts a response that lasts, at the client and at the site: ${path}`, async () => {
      const token = await signIn();
      const { answered, atSite } = await open(path, token);
      const response = await answered;
      assert.equal(response.statusCode, 200);
      await firstPiece(response);
      await signOut(token);
      assert.equal(await endOf(response), "cut");
      await atSite.closed;
      const after = await fetch(`http://127.0.0.1:${gate.port}${path}`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      assert.equal(after.status, 401);
    });

  it("ends a request that the site has not responded to, with 401", async () => {
    const token = await signIn();
    const { answered, atSite } = await open("/poll", token);
    await signOut(token);
    assert.equal((await answered).statusCode, 401);
    await atSite.closed;
  });

  it("ends an upload, which the site does not take for complete", async () => {
    const token = await signIn();
    const { answered, atSite } = await open("/upload", token, "PUT");
    await signOut(token);
    assert.equal((await answered).statusCode, 401);
    assert.equal(await atSite.body, "broken");
  });

  it("leaves twenty streams of other sessions open", async () => {
    const [leaving, ...staying] = await Promise.all(Array.from({ length: 3 }, signIn));
    const streams: IncomingMessage[] = [];
    for (let count = 0; count < 20; count++)
      streams.push(await (await open("/events", staying[count % 2] ?? "")).answered);
    const ending = await (await open("/events", leaving ?? "")).answered;
    await signOut(leaving ?? "");
    assert.equal(await endOf(ending), "cut");
    for (const stream of streams) {
      assert.equal(stream.complete || stream.destroyed, false);
      await firstPiece(stream);
      stream.destroy();
    }
  });
});

describe("a client that leaves", () => {
  it("closes its stream at the site", async () => {
    const { answered, atSite } = await open("/events", await signIn());
    const response = await answered;
    await firstPiece(response);
    response.destroy();
    await atSite.closed;
  });

  it("breaks its upload off at the site", async () => {
    const { sent, atSite } = await open("/upload", await signIn(), "PUT");
    sent.destroy();
    assert.equal(await atSite.body, "broken");
  });
});
