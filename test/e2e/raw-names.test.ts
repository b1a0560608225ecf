/**
 * Names of external accounts as bytes on the wire, in workerd: what is not UTF-8 names no account, and what names one
 * reaches the origin as the same bytes.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import { type CgiSite, startCgiSite } from "./support/cgi-site.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";
import { sendRaw } from "./support/raw-request.ts";

const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";

let bundle: Bundle;
let site: CgiSite;
let whoAmI: Server;
/** What the who-am-I says next, a character for each byte. */
let said = { header: "", body: "" };
const workers: DirectWorker[] = [];
/** A proxy names the account: behind the gate, and without a site. */
let gate: DirectWorker;
let asked: DirectWorker;
/** The site's own login names it: in a header of its who-am-I, and in JSON. */
let byHeader: DirectWorker;
let byJson: DirectWorker;

before(async () => {
  bundle = bundleSallyport();
  site = await startCgiSite();
  whoAmI = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${said.body.length}\r\n`;
      socket.end(`${head}X-Name: ${said.header}\r\nConnection: close\r\n\r\n${said.body}`, "latin1");
    });
  });
  await new Promise<void>((resolve) => whoAmI.listen(0, "127.0.0.1", resolve));
  const address = whoAmI.address();
  const port = typeof address === "object" ? address?.port : 0;
  const start = async (variables: Record<string, string>) => {
    const all = { KEYRING: generateKeyring(), PROXY_KEY: proxyKey, ENROLMENT: "optional", ...variables };
    const worker = await startDirectWorker(bundle, all, { tables: true });
    workers.push(worker);
    return worker;
  };
  const ORIGIN_URL = `http://127.0.0.1:${site.port}`;
  gate = await start({ FIRST_FACTOR: "proxy", ORIGIN_URL });
  asked = await start({ FIRST_FACTOR: "proxy", ORIGIN_URL: "" });
  const origin = {
    FIRST_FACTOR: "origin",
    ORIGIN_URL,
    ORIGIN_COOKIES: "sid",
    WHOAMI_URL: `http://127.0.0.1:${port}/me`,
  };
  byHeader = await start({ ...origin, WHOAMI_USER: "header:X-Name" });
  byJson = await start({ ...origin, WHOAMI_USER: "json:/name" });
});
after(async () => {
  for (const worker of workers) await worker.stop();
  await site?.stop();
  whoAmI?.close();
  if (bundle) removeBundle(bundle);
});

/** A text as UTF-8, a character for each byte. */
const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

const request = (target: string, ...lines: string[]) =>
  [`GET ${target} HTTP/1.1`, "Host: site.example", "Connection: close", ...lines, "", ""].join("\r\n");

const byProxy = (bytes: string) => [`X-Sallyport-Proxy-Key: ${proxyKey}`, `Remote-User: ${bytes}`];

/** The name that the CGI program finds in its environment. */
const remoteUser = (text: string) => /^HTTP_REMOTE_USER=(.*)$/m.exec(text)?.[1] ?? null;

/** Texts that some server or editor takes for the same. */
const names = [
  "müller",
  "mu\u0308ller",
  "MÜLLER",
  "mÃ¼ller",
  "möller",
  "a b",
  "a  b",
  "a\u00a0b",
  "名前",
  "𐐨",
];

/** Bytes that are not UTF-8: Latin-1, half a character, an overlong form, half of a surrogate pair. */
const undecodable = ["m\xfcller", "m\xf6ller", "m\xc3", "\xc0\xafada", "\xed\xa0\x80ada", "ada\xff"];

const endpoints = ["/api/auth/auth-request", "/api/auth/forward-auth"];
const question = ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /x"];

describe("the name of an external account, on the wire", () => {
  it("INC-27 reaches the origin, and the proxies, as the bytes that the source sent, and as no other account's", async () => {
    const seen = new Set<string>();
    for (const name of names) {
      const { status, text } = await sendRaw(gate.port, request("/x", ...byProxy(utf8(name))));
      assert.deepEqual([status, remoteUser(text)], [200, utf8(name)]);
      seen.add(remoteUser(text) ?? "");
      for (const endpoint of endpoints) {
        const answer = await sendRaw(asked.port, request(endpoint, ...question, ...byProxy(utf8(name))));
        const told = /^Remote-User: (.*)\r$/im.exec(answer.text)?.[1];
        assert.deepEqual([answer.status, told], [200, utf8(name)]);
      }
    }
    assert.equal(seen.size, names.length);
  });

  it("INC-36 is none when a proxy sends bytes that are not UTF-8", async () => {
    for (const bytes of undecodable) {
      const { status, text } = await sendRaw(gate.port, request("/x", ...byProxy(bytes)));
      assert.deepEqual([status, remoteUser(text)], [401, null], JSON.stringify(bytes));
      for (const endpoint of endpoints) {
        const answer = await sendRaw(asked.port, request(endpoint, ...question, ...byProxy(bytes)));
        assert.equal(answer.status, 401, JSON.stringify(bytes));
      }
    }
  });

  it("INC-36 is none when the site's who-am-I says bytes that are not UTF-8, in a header or in JSON", async () => {
    const ask = (worker: DirectWorker) => sendRaw(worker.port, request("/x", "Cookie: sid=1"));
    for (const name of names) {
      said = { header: utf8(name), body: utf8(JSON.stringify({ name })) };
      for (const worker of [byHeader, byJson]) {
        const { status, text } = await ask(worker);
        assert.deepEqual([status, remoteUser(text)], [200, utf8(name)]);
      }
    }
    for (const bytes of undecodable) {
      said = { header: bytes, body: `{"name":"${bytes}"}` };
      for (const worker of [byHeader, byJson]) {
        const { status, text } = await ask(worker);
        assert.deepEqual([status, remoteUser(text)], [503, null], JSON.stringify(bytes));
      }
    }
  });
});
