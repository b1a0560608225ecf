/**
 * `FIRST_FACTOR=origin` on the wire: credentials that a site reads and that look like something else to the Worker, through
 * the gate and through every proxy with its files from `examples/`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import { computeCode } from "./support/authenticator.ts";
import { Client } from "./support/client.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";
import { proxyNames, startProxy } from "./support/proxies.ts";
import { sendRaw } from "./support/raw-request.ts";

const KEYRING = generateKeyring();
const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";
const accounts: Record<string, string> = { m1: "mallory", v1: "victim" };

/** The value of the last cookie `sid`, as a site may read a header of which each character is a byte. */
const readers = {
  "splits at blanks, as http.cookies of Python": (header: string) =>
    [...header.matchAll(/(?:^|[;\s])\s*sid\s*=\s*([^;\s]*)/g)].at(-1)?.[1],
  "strips UTF-8, as Django": (header: string) =>
    readPairs(Buffer.from(header, "latin1").toString("utf8"), (text) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: Python takes these four for blanks
      text.replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, ""),
    ),
  "trims Latin-1, as programs for Node": (header: string) => readPairs(header, (text) => text.trim()),
};

function readPairs(header: string, trim: (text: string) => string): string | undefined {
  const pairs = header.split(";").map((piece): [string, string] => {
    const [name = "", ...value] = piece.split("=");
    return [trim(name), trim(value.join("="))];
  });
  return new Map(pairs).get("sid");
}

let reader: (header: string) => string | undefined;
let site: Server;
let sitePort: number;
let bundle: Bundle;
const workers: DirectWorker[] = [];
let gate: DirectWorker;
let asked: DirectWorker;
/** Of a session of the attacker's own, fresh, bound to `sid=m1`. */
let token: string;

before(async () => {
  // It takes the second word of `Authorization` before it looks at its cookie.
  site = createServer(({ headers, url }, response) => {
    const bearer = headers.authorization?.split(/[ ,]+/)[1];
    const name = accounts[bearer ?? reader(headers.cookie ?? "") ?? ""];
    if (url !== "/me") response.end(`PAGE OF ${name ?? "anonymous"}`);
    else if (name === undefined) response.writeHead(401).end();
    else response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ name }));
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const address = site.address();
  sitePort = typeof address === "object" ? (address?.port ?? 0) : 0;
  bundle = bundleSallyport();
  const variables = {
    KEYRING,
    FIRST_FACTOR: "origin",
    WHOAMI_URL: `http://127.0.0.1:${sitePort}/me`,
    WHOAMI_USER: "json:/name",
    ORIGIN_COOKIES: "sid",
    // The session stays fresh for the whole run: both Workers have the same keys, and each a store of its own.
    SESSION_RECHECK: "1800",
    PROXY_KEY: proxyKey,
  };
  const start = async (ORIGIN_URL: string) => {
    const worker = await startDirectWorker(bundle, { ...variables, ORIGIN_URL }, { tables: true });
    workers.push(worker);
    return worker;
  };
  gate = await start(`http://127.0.0.1:${sitePort}`);
  asked = await start("");
  reader = readers["trims Latin-1, as programs for Node"];
  token = await enrolMallory();
});
after(async () => {
  for (const worker of workers) await worker.stop();
  site?.closeAllConnections();
  site?.close();
  if (bundle) removeBundle(bundle);
});

/** Sets up the attacker's second factor, with the site's own session. */
async function enrolMallory(): Promise<string> {
  const client = new Client(`http://127.0.0.1:${gate.port}`);
  client.setCookie("sid", "m1");
  const path = "/api/auth/account/two-factor";
  const headers = { Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin" };
  await client.ask(path, { headers });
  const post = (body: string) =>
    client.ask(path, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/x-www-form-urlencoded" },
      body,
    });
  const { body: page } = await post("step=start&rd=%2F");
  const code = computeCode(/secret=([A-Z2-7]{32})/.exec(page)?.[1] ?? "");
  await post(`step=confirm&code=${code}&rd=%2F`);
  const session = /__Host-sallyport=([^;]+)/.exec(client.cookies)?.[1];
  assert.ok(session !== undefined, "the attacker has a session of their own");
  return session;
}

async function load(port: number, ...lines: string[]): Promise<string> {
  const head = ["GET /inbox HTTP/1.1", `Host: 127.0.0.1:${port}`, "Connection: close", ...lines, "", ""];
  const { status, text } = await sendRaw(port, head.join("\r\n"));
  return `${status} ${/PAGE OF \w+/.exec(text)?.[0] ?? ""}`;
}

const escapedType = `${Buffer.from('{"typ":"sallyport\\u002dsession+jwt"}').toString("base64url")}.e30.x`;

/** Lines of a header, a character for each byte. */
const authorizations: readonly string[][] = [
  ["Authorization: Bearer v1"],
  [`Authorization: Bearer v1 ${escapedType}`],
  [`Authorization: Bearer v1, ${escapedType}`],
  ["Authorization: Bearer v1", `Authorization: ${escapedType}`],
  ["Authorization: Bearer v1 pending_x"],
  ["Authorization: Bearer v1", "Authorization: Bearer pending_x"],
  ["Authorization: Bearer pending_x", "Authorization: Bearer v1"],
];
const cookies: readonly string[] = [
  "sid=v1",
  "a=b sid=v1",
  "a=b\tsid=v1",
  "\tsid=v1",
  "\xc2\x85sid=v1",
  "sid\xc2\x85=v1",
  "\xc2\xa0sid=v1",
  "\xe3\x80\x80sid=v1",
  "\x1csid=v1",
  "sid\x1f=v1",
  "\xa0sid=v1",
  "sid\xa0=v1",
  "\x85sid=v1",
  "a=\xe9; sid\xa0=v1",
  "__Host-sallyport=1 sid=v1",
  "__Hos%74-sallyport=1 sid=v1",
  '__Host-sallyport="1" sid=v1',
  "__Host-sallyport-more=1 sid=v1",
  "__HOST-SALLYPORT=1\tsid=v1",
];

for (const [what, read] of Object.entries(readers)) {
  describe(`a site that ${what}`, () => {
    before(() => {
      reader = read;
    });

    for (const name of ["gate", ...proxyNames] as const) {
      it(`INC-23 INC-36 shows no page of the victim through ${name === "gate" ? "the gate" : name}`, async () => {
        const proxy =
          name === "gate" ? gate : await startProxy(name, { workerPort: asked.port, sitePort, proxyKey });
        try {
          const own = `__Host-sallyport=${token}; sid=m1`;
          assert.equal(await load(proxy.port), "200 PAGE OF anonymous");
          assert.equal(await load(proxy.port, `Cookie: ${own}`), "200 PAGE OF mallory");
          for (const lines of authorizations)
            for (const jar of [[], [`Cookie: ${own}`]])
              assert.doesNotMatch(await load(proxy.port, ...lines, ...jar), /victim/, lines.join(" | "));
          for (const cookie of cookies)
            for (const Cookie of [
              cookie,
              `${own}; ${cookie}`,
              `__Host-sallyport=${token}; ${cookie}; sid=m1`,
            ])
              assert.doesNotMatch(
                await load(proxy.port, `Cookie: ${Cookie}`),
                /victim/,
                JSON.stringify(Cookie),
              );
        } finally {
          if (proxy !== gate) await proxy.stop();
        }
      });
    }
  });
}
