/**
 * Bytes that no browser sends, to Sallyport in workerd without wrangler's development server in front: what workerd makes
 * of them, and what Sallyport makes of that.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import { keyringOf } from "../support/keyring.ts";
import { firstFactorOnly, signSession } from "../support/session-token.ts";
import { type CgiSite, startCgiSite } from "./support/cgi-site.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";
import { sendRaw } from "./support/raw-request.ts";

const keyring = generateKeyring();
const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";
const POLICY = JSON.stringify([
  { path: "/public/*", require: "none" },
  { path: "/feed/*", require: "first_factor" },
  { path: "/api/*", require: "none" },
]);

let bundle: Bundle;
let site: CgiSite;
/** Behind the gate: everything that is not Sallyport's reaches the site. */
let gate: DirectWorker;
/** Without a site: proxies ask it. */
let asked: DirectWorker;
let cookie: string;

before(async () => {
  bundle = bundleSallyport();
  site = await startCgiSite();
  const variables = { KEYRING: keyring, POLICY, SESSION_RECHECK: "3600", SESSION_IDLE: "3600" };
  const originUrl = `http://127.0.0.1:${site.port}`;
  gate = await startDirectWorker(bundle, { ...variables, ORIGIN_URL: originUrl });
  asked = await startDirectWorker(bundle, { ...variables, PROXY_KEY: proxyKey, ORIGIN_URL: "" });
  cookie = `Cookie: __Host-sallyport=${await signToken()}`;
});
after(async () => {
  await gate?.stop();
  await asked?.stop();
  await site?.stop();
  if (bundle) removeBundle(bundle);
});

/** Signs the token of a session with a first factor only. */
async function signToken(): Promise<string> {
  return signSession(keyringOf(keyring), { ...firstFactorOnly, email: null });
}

const request = (method: string, target: string, lines: readonly string[] = []) =>
  [`${method} ${target} HTTP/1.1`, "Host: site.example", "Connection: close", ...lines, "", ""].join("\r\n");

const isFromSite = (text: string) => /^X-Cgi-Site: reached/im.test(text);
const hasAssertion = (text: string) => /^X-Sallyport-Assertion: ey/im.test(text);

const base = "/api/auth";
const names = ["auth-request", "forward-auth", "health"];

/** Targets that some server reads as a route of Sallyport's, and none of which is one. */
const oddTargets: readonly string[] = names.flatMap((name) => [
  `${base}/x\\..\\${name}`,
  `${base}\\${name}`,
  `${base}/\\${name}`,
  `${base}/x/../${name}`,
  `${base}/./${name}`,
  `${base}//${name}`,
  `/${base}/${name}`,
  `/api//auth/${name}`,
  `${base.toUpperCase()}/${name}`,
  `${base}/${name.toUpperCase()}`,
  `${base}/%${name.charCodeAt(0).toString(16)}${name.slice(1)}`,
  `/api/%61uth/${name}`,
  `/api/%2561uth/${name}`,
  `${base}%2f${name}`,
  `/api%2fauth/${name}`,
  `${base};x/${name}`,
  `${base}/${name};x`,
  `${base}/${name}/`,
  `${base}/x/%2e%2e/${name}`,
  `${base}/x%2f..%2f${name}`,
  `/x/..${base}/${name}`,
  `/x%2f..%2fapi/auth/${name}`,
  `http://site.example${base}/x/../${name}`,
  `http://other.example//api/auth/${name}`,
]);

/** A slash too many is redirected away. The client asks for the address without it in another request, which the proxy's rules see. */
const statusOf = (target: string) => (names.some((name) => target === `${base}/${name}/`) ? 308 : 404);

const question = ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /feed/x"];

describe("the raw path of a request", () => {
  it("INC-34 begins behind a plain host, which a request cannot end early", async () => {
    const ask = (target: string, host: string) =>
      sendRaw(gate.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    for (const host of ["site.example", "SITE.example:8080", "a_b.example", "127.0.0.1", "[::1]:80"]) {
      const { status, text } = await ask("/public/x", host);
      assert.deepEqual([status, isFromSite(text)], [200, true], host);
    }
    const oddHosts = [
      "s\\admin",
      "s\\admin?",
      "s?",
      "s#",
      "s/admin?",
      "s/admin#",
      "u@s",
      "u:p@s",
      "s:80:80",
      "s%2fadmin",
      "s,t",
    ];
    const oddRequests = [
      ...oddHosts.map((host) => ["/public/x", host] as const),
      ...["http://e?/public/x", "http://e#/public/x", "http://e\\admin/public/x"].map(
        (target) => [target, "s"] as const,
      ),
    ];
    for (const [target, host] of oddRequests) {
      const { status, text } = await ask(target, host);
      assert.deepEqual(
        [status >= 400 && status < 500, isFromSite(text)],
        [true, false],
        `${target} at ${host}`,
      );
    }
  });

  it("INC-34 opens a route of Sallyport's as it is, and no other path does", async () => {
    for (const name of names) {
      const { status } = await sendRaw(asked.port, request("GET", `${base}/${name}`, [cookie, ...question]));
      assert.equal(status, 200, name);
    }
    for (const target of oddTargets) {
      const { status, text } = await sendRaw(asked.port, request("GET", target, [cookie, ...question]));
      assert.equal(status, statusOf(target), target);
      assert.ok(!hasAssertion(text), target);
    }
  });

  it("INC-34 reaches the site in no reading that is below the prefix", async () => {
    for (const target of oddTargets) {
      for (const lines of [[], [cookie, ...question]]) {
        const { status, text } = await sendRaw(gate.port, request("GET", target, lines));
        assert.equal(status, statusOf(target), target);
        assert.ok(!isFromSite(text) && !hasAssertion(text), target);
      }
    }
    const { status, text } = await sendRaw(gate.port, request("GET", "/api/authors/x"));
    assert.deepEqual([status, isFromSite(text)], [200, true]);
  });

  it("INC-28 a visitor who calls an endpoint for proxies behind the gate finds nothing there", async () => {
    for (const name of ["auth-request", "forward-auth"]) {
      const { status, text } = await sendRaw(
        gate.port,
        request("GET", `${base}/${name}`, [cookie, ...question]),
      );
      assert.deepEqual([status, hasAssertion(text)], [404, false]);
    }
  });

  it("INC-34 a proxy that asks about a path below the prefix is told that there is nothing", async () => {
    const targets = [
      `${base}/x\\..\\auth-request`,
      `${base}//x`,
      `${base.toUpperCase()}/x`,
      `${base}/sign-in`,
      base,
    ];
    for (const target of targets) {
      const lines = [cookie, "X-Forwarded-Method: GET", `X-Forwarded-Uri: ${target}`];
      for (const [name, refused] of [
        ["auth-request", 403],
        ["forward-auth", 404],
      ] as const) {
        const { status, text } = await sendRaw(asked.port, request("GET", `${base}/${name}`, lines));
        assert.deepEqual([target, status, hasAssertion(text)], [target, refused, false]);
      }
    }
  });

  it("INC-01 a target that is no path is refused, and never an error of the Worker", async () => {
    for (const [method, target] of [
      ["OPTIONS", "*"],
      ["GET", "*"],
      ["GET", "x"],
      ["GET", "?x"],
      ["GET", "\\x"],
      ["GET", "/\xe1dmin"],
    ] as const) {
      for (const host of ["site.example", `127.0.0.1:${gate.port}`]) {
        const bytes = request(method, target).replace("site.example\r\nConn", `${host}\r\nConn`);
        const { status, text } = await sendRaw(gate.port, bytes);
        assert.ok(
          status === 0 || (status >= 400 && status <= 501 && status !== 500),
          `${method} ${target}: ${status}`,
        );
        assert.ok(!isFromSite(text));
      }
    }
  });
});

describe("an upgrade through the gate, in front of a site that accepts h2c", () => {
  const settings = "HTTP2-Settings: AAMAAABkAAQAAP__";
  const websocket = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
  const upgrades: readonly (readonly string[])[] = [
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", settings],
    ["Connection: Upgrade", "Upgrade: H2C", settings],
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket, h2c", settings, ...websocket],
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c, websocket", settings, ...websocket],
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket", "Upgrade: h2c", settings, ...websocket],
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket", settings, ...websocket],
    ["Connection: Upgrade", "Upgrade: TLS/1.0"],
  ];
  const upgrade = (lines: readonly string[]) =>
    ["GET /public/page HTTP/1.1", "Host: site.example", ...lines, "", ""].join("\r\n");
  /** A client can also name other headers in `Connection`, and ends the connection after the response. */
  const naming = (line: string) => line.replace("Connection: ", "Connection: close, X-Foo, ");

  it("INC-33 the site itself would become an HTTP/2 tunnel", async () => {
    assert.equal((await sendRaw(site.port, upgrade(upgrades[0] ?? []))).status, 101);
  });

  it("INC-33 opens no tunnel to the site, and nothing of it reaches the site", async () => {
    for (const lines of upgrades) {
      const { status, text } = await sendRaw(gate.port, upgrade([...lines.map(naming), "X-Foo: 1"]));
      assert.equal(status, 200, `${lines.join(" | ")}: ${text.slice(0, 200)}`);
      assert.ok(isFromSite(text), lines.join(" | "));
      assert.doesNotMatch(text, /^HTTP_(HTTP2_SETTINGS|X_FOO|UPGRADE=(?!websocket\r?$))/m, lines.join(" | "));
    }
  });
});
