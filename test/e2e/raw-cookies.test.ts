/**
 * The bytes of `Cookie`, `Host` and other headers on the wire, from a raw socket through workerd to a raw origin: what the origin gets
 * is what came, without Sallyport's own cookies.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import { keyringOf } from "../support/keyring.ts";
import { signSession } from "../support/session-token.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";
import { sendRaw } from "./support/raw-request.ts";

const keyring = generateKeyring();

let bundle: Bundle;
let origin: Server;
let originPort: number;
let gate: DirectWorker;
let token: string;
/** The request that the origin got last, a character for each byte. */
let received = "";
/** The header lines of its response. */
let responseLines: readonly string[] = [];

before(async () => {
  bundle = bundleSallyport();
  origin = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes: Buffer) => {
      received = bytes.toString("latin1");
      const head = ["HTTP/1.1 200 OK", "Content-Length: 2", "Connection: close", ...responseLines];
      socket.end(`${head.join("\r\n")}\r\n\r\nok`, "latin1");
    });
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const address = origin.address();
  originPort = typeof address === "object" && address !== null ? address.port : 0;
  gate = await startDirectWorker(bundle, {
    KEYRING: keyring,
    POLICY: JSON.stringify([{ path: "/public/*", require: "none" }]),
    SESSION_RECHECK: "3600",
    SESSION_IDLE: "3600",
    ORIGIN_URL: `http://127.0.0.1:${originPort}`,
  });
  token = await signSession(keyringOf(keyring), { email: null });
});
after(async () => {
  await gate?.stop();
  origin?.close();
  if (bundle) removeBundle(bundle);
});

/** Sends a request with these lines, and returns its status and the values of a header at the origin. */
async function send(path: string, lines: readonly string[], header = "cookie") {
  received = "";
  const head = [`GET ${path} HTTP/1.1`, "Host: site.example:99", "Connection: close", ...lines, "", ""];
  const { status, text } = await sendRaw(gate.port, head.join("\r\n"));
  const values = [...received.matchAll(/^([^:\r\n]+): ?(.*)\r$/gm)]
    .filter(([, name]) => name?.toLowerCase() === header)
    .map(([, , value]) => value);
  return { status, values, text };
}

const foreign = [
  "a=1; b=2",
  "a=1;b=2",
  'a="x y"; b="x, y"; c="x\\"; y"',
  "a=\xe9\xff\xfe; b=\xc3\xa9",
  "a=caf\xc3\xa9; b=%E9%zz",
  "a=\t1 ; b;=c;;d==",
  "a=1\x01\x7f; b=2",
  "sallyport=1; __Host-other=2; x__Host-sallyport=3",
  `a=${"x".repeat(4000)}`,
];

describe("the Cookie header at the origin", () => {
  it("is the client's, byte for byte, in a request without a cookie of Sallyport's", async () => {
    for (const cookies of foreign) {
      const { status, values } = await send("/public/x", [`Cookie: ${cookies}`]);
      assert.deepEqual([status, values], [200, [cookies]]);
    }
  });

  it("INC-32 is the client's without Sallyport's cookies, for cookies in UTF-8", async () => {
    const own = `__Host-sallyport=${token}`;
    for (const cookies of foreign.filter((it) => !/[\xe9\xff]/.test(it))) {
      const last = await send("/x", [`Cookie: ${cookies}; ${own}`]);
      const first = await send("/x", [`Cookie: ${own}; ${cookies}`]);
      assert.deepEqual(
        [last.status, last.values, first.status, first.values],
        [200, [cookies], 200, [cookies]],
      );
    }
  });

  it("has U+FFFD for bytes that are not UTF-8 beside a cookie of Sallyport's, because the runtime can write no others", async () => {
    const { status, values } = await send("/x", [`Cookie: a=\xe9; b=2; __Host-sallyport=${token}`]);
    assert.deepEqual([status, values], [200, ["a=\xef\xbf\xbd; b=2"]]);
  });

  it("INC-32 INC-39 has several lines joined with a comma, and a session counts only at the beginning of a part", async () => {
    const own = `Cookie: __Host-sallyport=${token}`;
    assert.deepEqual((await send("/public/x", ["Cookie: a=1", "Cookie: b=2"])).values, ["a=1, b=2"]);
    const first = await send("/x", [own, "Cookie: a=1; b=2"]);
    assert.deepEqual([first.status, first.values], [200, ["a=1; b=2"]]);
    const second = await send("/x", ["Cookie: a=1", own]);
    assert.deepEqual([second.status, second.values], [401, []]);
    const open = await send("/public/x", ["Cookie: a=1", own, "Cookie: b=2"]);
    assert.deepEqual([open.status, open.values], [200, ["a=1, b=2"]]);
  });
});

describe("the host of the site, with ORIGIN_HOST=origin", () => {
  it("is ORIGIN_URL's in Host, whatever Host the gate sets: the runtime takes it from the URL", async () => {
    const { values } = await send("/public/x", [], "host");
    assert.deepEqual(values, [`127.0.0.1:${originPort}`]);
    assert.deepEqual((await send("/public/x", [], "x-forwarded-host")).values, ["site.example:99"]);
  });

  it("is the origin's in Origin and Referer, and another site's stays another site's", async () => {
    const site = "http://site.example:99";
    const own = `http://127.0.0.1:${originPort}`;
    for (const [name, value, expected] of [
      ["origin", site, own],
      ["referer", `${site}/caf%E9?x`, `${own}/caf%E9?x`],
      ["referer", `${site}/caf\xe9`, `${site}/caf\xe9`],
      ["origin", "http://site.example", "http://site.example"],
      ["origin", "null", "null"],
      ["referer", "http://site.example:99.evil.example/", "http://site.example:99.evil.example/"],
    ] as const)
      assert.deepEqual((await send("/public/x", [`${name}: ${value}`], name)).values, [expected]);
    const two = await send("/public/x", [`Origin: ${site}`, "Origin: http://evil.example"], "origin");
    assert.deepEqual(two.values, [`${site}, http://evil.example`]);
  });

  it("is the visitor's in the response's addresses, and every other byte stays", async () => {
    responseLines = [
      `Location: http://127.0.0.1:${originPort}/b?c=%E9`,
      `Link: <http://127.0.0.1:${originPort}/s.css>; rel=preload, <https://cdn.example/x>; rel=next`,
      "X-Latin: \xe9",
    ];
    const { text } = await send("/public/x", []);
    assert.match(text, /^Location: http:\/\/site\.example:99\/b\?c=%E9\r$/m);
    assert.match(
      text,
      /^Link: <http:\/\/site\.example:99\/s\.css>; rel=preload, <https:\/\/cdn\.example\/x>; rel=next\r$/m,
    );
    assert.match(text, /^X-Latin: \xe9\r$/m);
    responseLines = [];
  });
});
