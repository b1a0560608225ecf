/**
 * Requests and responses byte by byte, to Sallyport in workerd without wrangler's development server in front, and a site
 * below HTTP behind it: what a client sends reaches the site, and what the site sends reaches the client.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
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
import { type ScriptedSite, startScriptedSite } from "./support/scripted-site.ts";

const keyring = generateKeyring();
let bundle: Bundle;
let site: ScriptedSite;
let gate: DirectWorker;
/** The lines by which each kind of visitor is known. */
let visitors: Record<"anonymous" | "signed in", readonly string[]>;

before(async () => {
  bundle = bundleSallyport();
  site = await startScriptedSite();
  gate = await startDirectWorker(bundle, {
    KEYRING: keyring,
    POLICY: '[{"path":"/*","require":"none"}]',
    SESSION_RECHECK: "3600",
    ORIGIN_URL: `http://127.0.0.1:${site.port}`,
  });
  const token = await signSession(keyringOf(keyring), {});
  visitors = { anonymous: [], "signed in": [`Authorization: Bearer ${token}`] };
});
after(async () => {
  await gate?.stop();
  await site?.stop();
  if (bundle) removeBundle(bundle);
});
beforeEach(() => {
  site.takeRequests();
  respondWith("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
});

function respondWith(response: string): void {
  const [head = "", ...rest] = response.split("\r\n\r\n");
  const closing = [`${head}\r\nConnection: close`, ...rest].join("\r\n\r\n");
  site.respond = (_, socket) => socket.end(closing, "latin1");
}

const write = (method: string, lines: readonly string[], body = "") =>
  [`${method} /page?x=1 HTTP/1.1`, "Host: site.example", "Connection: close", ...lines, "", body].join(
    "\r\n",
  );

/** Headers that every request has at the site: of the connection, of the runtime, and of the gate. */
const added = /^(Host|CF-Worker|X-Forwarded-(Host|Proto|For)|Remote-(User|Email)|X-Sallyport-Assertion):/i;

/** The request line, the client's headers in lower case and sorted, and the body, as the site got them. */
function readAtSite() {
  const [received, ...others] = site.takeRequests();
  assert.ok(received !== undefined && others.length === 0, `${others.length} requests at the site`);
  const [head = "", body = ""] = received.text().split("\r\n\r\n");
  const [line = "", ...headers] = head.split("\r\n");
  const own = headers.filter((header) => !added.test(header)).map((header) => header.toLowerCase());
  return { line, headers: own.toSorted(), body };
}

function readAtClient(text: string) {
  const at = text.indexOf("\r\n\r\n");
  const [line = "", ...headers] = text.slice(0, at).split("\r\n");
  return {
    line,
    headers: headers.map((header) => header.toLowerCase()).toSorted(),
    body: text.slice(at + 4),
  };
}

interface Sent {
  readonly method: string;
  readonly lines?: readonly string[];
  readonly body?: string;
  /** What the site gets for it, where that is not the same. */
  readonly atSite?: { readonly line?: string; readonly lines?: readonly string[]; readonly body?: string };
}

/** The runtime states a length for each method except GET and HEAD. */
const noBody = ["Content-Length: 0"];

const requests: Record<string, Sent> = {
  "a plain GET": { method: "GET" },
  "a conditional GET": {
    method: "GET",
    lines: ['If-None-Match: "v1"', "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT"],
  },
  "a GET with cache directives": { method: "GET", lines: ["Cache-Control: max-age=0", "Pragma: no-cache"] },
  "a range with a condition": { method: "GET", lines: ["Range: bytes=0-1,4-", 'If-Range: "v1"'] },
  "a GET that accepts no encoding": { method: "GET", lines: ["Accept-Encoding: identity"] },
  "a GET that accepts encodings": {
    method: "GET",
    lines: ["Accept-Encoding: zstd;q=0.5, br", "User-Agent: odd/1"],
  },
  "a GET with a body": {
    method: "GET",
    lines: ["Content-Length: 7", "Content-Type: application/json"],
    body: '{"q":1}',
  },
  "a HEAD with a body": { method: "HEAD", lines: ["Content-Length: 3"], body: "abc" },
  "a GET with an empty body": { method: "GET", lines: ["Content-Length: 0"], atSite: { lines: [] } },
  "a GET with an empty body in chunks": {
    method: "GET",
    lines: ["Transfer-Encoding: chunked"],
    body: "0\r\n\r\n",
    atSite: { lines: [], body: "" },
  },
  "a DELETE with a body": { method: "DELETE", lines: ["Content-Length: 3"], body: "abc" },
  "an OPTIONS without a body": { method: "OPTIONS", atSite: { lines: noBody } },
  "a POST without a body": { method: "POST", atSite: { lines: noBody } },
  "a POST with an empty body": { method: "POST", lines: noBody },
  "a POST with a body": { method: "POST", lines: ["Content-Length: 3"], body: "abc" },
  "a PUT of bytes": { method: "PUT", lines: ["Content-Length: 4"], body: "\x00\xff\xfe\n" },
  "a POST in chunks": {
    method: "POST",
    lines: ["Transfer-Encoding: chunked"],
    body: "3\r\nabc\r\n0\r\n\r\n",
    atSite: { body: "3\r\nabc\r\n0" },
  },
  "a POST that waits for 100": {
    method: "POST",
    lines: ["Expect: 100-continue", "Content-Length: 3"],
    body: "abc",
  },
  "a header with bytes that are not ASCII": { method: "GET", lines: ["X-Own: \xe9\xff\xe2\x98\x83"] },
  // The runtime makes a GET without a body of any request with this header.
  "INC-31 a POST that asks for a WebSocket": {
    method: "POST",
    lines: ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Content-Length: 3"],
    body: "abc",
    atSite: { lines: ["Sec-WebSocket-Version: 13", "Content-Length: 3"] },
  },
};

describe("WB-12 a request reaches the site as it came", () => {
  for (const visitor of ["anonymous", "signed in"] as const)
    for (const [name, { method, lines = [], body = "", atSite = {} }] of Object.entries(requests))
      it(`${name} of a visitor who is ${visitor}`, async () => {
        const response = await sendRaw(gate.port, write(method, [...visitors[visitor], ...lines], body));
        assert.match(response.text, /HTTP\/1\.1 200 OK\r\n/);
        const expected = (atSite.lines ?? lines).map((header) => header.toLowerCase()).toSorted();
        assert.deepEqual(readAtSite(), {
          line: `${method} /page?x=1 HTTP/1.1`,
          headers: expected,
          body: atSite.body ?? body,
        });
      });
});

describe("a request that can't be forwarded", () => {
  for (const method of ["GET", "HEAD"])
    it(`is refused with 411 when it is a ${method} with a body in chunks`, async () => {
      const body = "3\r\nabc\r\n0\r\n\r\n";
      const response = await sendRaw(gate.port, write(method, ["Transfer-Encoding: chunked"], body));
      assert.equal(response.status, 411);
      if (method === "GET") assert.match(response.text, /"code":"length_required"/);
      assert.deepEqual(site.takeRequests(), []);
    });

  for (const visitor of ["anonymous", "signed in"] as const)
    it(`is refused with 400 when no number can express its Content-Length: ${visitor}`, async () => {
      const lines = [...visitors[visitor], "Content-Length: 9007199254740993"];
      const response = await sendRaw(gate.port, write("PUT", lines, "abc"));
      assert.equal(response.status, 400);
      assert.match(response.text, /"code":"malformed_request"/);
      assert.deepEqual(site.takeRequests(), []);
    });

  for (const visitor of ["anonymous", "signed in"] as const)
    it(`is refused with 400 when its chunks are malformed, and the site does not take it for complete: ${visitor}`, async () => {
      const lines = [...visitors[visitor], "Transfer-Encoding: chunked"];
      const response = await sendRaw(gate.port, write("POST", lines, "3\r\nabc\r\nZZ\r\n"));
      assert.equal(response.status, 400);
      assert.match(response.text, /"code":"malformed_request"/);
      for (const { text } of site.takeRequests()) assert.doesNotMatch(text(), /\r\n0\r\n\r\n$/);
    });

  it("is a 502 only when the site fails", async () => {
    site.respond = (_, socket) => socket.destroy();
    for (const lines of Object.values(visitors)) {
      const response = await sendRaw(gate.port, write("GET", lines));
      assert.equal(response.status, 502);
      assert.match(response.text, /"code":"origin_unavailable"/);
    }
  });
});

const zipped = gzipSync("a page of the site. ".repeat(40)).toString("latin1");

interface Response {
  readonly sent: string;
  readonly method?: string;
  /** What the client gets for it, where the platform does not pass it on as it is. */
  readonly atClient?: { readonly line?: string; readonly lines?: readonly string[]; readonly body?: string };
}

const ok = (status: string, lines: readonly string[] = [], body = "ok") =>
  [`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");

const responses: Record<string, Response> = {
  "200": { sent: ok("200 OK", ['ETag: "v1"', "X-Own: 1"]) },
  "a file in gzip": { sent: ok("200 OK", ["Content-Encoding: gzip", 'ETag: "v1"'], zipped) },
  "an encoding that the runtime does not know": {
    sent: ok("200 OK", ["Content-Encoding: zstd"], "\x28\xb5\x2f"),
  },
  "an encoding that is not true": { sent: ok("200 OK", ["Content-Encoding: gzip"]) },
  "a part of a file": { sent: ok("206 Partial Content", ["Content-Range: bytes 0-1/9"]) },
  "204": { sent: "HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n" },
  "205": { sent: ok("205 Reset Content", ["ETag: x"], "") },
  "304": { sent: 'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nCache-Control: no-store\r\n\r\n' },
  "a 401 with two challenges": {
    sent: ok("401 Unauthorized", ['WWW-Authenticate: Basic realm="x"', "WWW-Authenticate: Digest"]),
    atClient: { lines: ['WWW-Authenticate: Basic realm="x", Digest', "Content-Length: 2"] },
  },
  "418": { sent: ok("418 I'm a teapot") },
  "500": { sent: ok("500 Internal Server Error") },
  "599 with a text of its own": { sent: ok("599 Own Text") },
  "600": { sent: ok("600 Beyond") },
  "999 with cookies": { sent: ok("999 Request denied", ["Set-Cookie: a=1", "Set-Cookie: b=2"]) },
  "an empty reason": { sent: ok("200 ") },
  "two cookies": { sent: ok("200 OK", ["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2, 3"]) },
  "a header with bytes that are not ASCII": { sent: ok("200 OK", ["X-Own: \xe9\xff\xe2\x98\x83"]) },
  "a length after HEAD": {
    sent: "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n",
    method: "HEAD",
  },
  "early hints": {
    sent: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok("200 OK")}`,
    atClient: { line: "HTTP/1.1 200 OK", lines: ["Content-Length: 2"], body: "ok" },
  },
  trailers: {
    sent: "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
    atClient: { lines: ["Transfer-Encoding: chunked"], body: "2\r\nok\r\n0\r\n\r\n" },
  },
};

describe("WB-12 a response reaches the client as it came", () => {
  for (const visitor of ["anonymous", "signed in"] as const)
    for (const [name, { sent, method = "GET", atClient = {} }] of Object.entries(responses))
      it(`${name}, for a visitor who is ${visitor}`, async () => {
        if (name === "early hints") site.respond = (_, socket) => socket.end(sent, "latin1");
        else respondWith(sent);
        const request = write(method, [...visitors[visitor]]);
        const received = readAtClient((await sendRaw(gate.port, request)).text);
        const expected = readAtClient(sent);
        assert.deepEqual(received, {
          line: atClient.line ?? expected.line,
          headers: (atClient.lines?.map((header) => header.toLowerCase()) ?? expected.headers)
            .concat("connection: close")
            .toSorted(),
          body: atClient.body ?? expected.body,
        });
      });

  for (const visitor of ["anonymous", "signed in"] as const)
    it(`is cut where the site has cut it, for a visitor who is ${visitor}`, async () => {
      for (const [sent, end] of [
        ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "half"],
        ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n"],
      ] as const) {
        respondWith(sent);
        const { text } = await sendRaw(gate.port, write("GET", visitors[visitor]));
        assert.equal(readAtClient(text).body, end);
      }
    });

  it("SE-04 without a cookie of Sallyport's name, also where no body may follow", async () => {
    for (const status of ["200 OK", "204 No Content", "304 Not Modified"]) {
      respondWith(
        `HTTP/1.1 ${status}\r\nSet-Cookie: __Host-sallyport=evil\r\nSet-Cookie: b=2\r\nETag: x\r\n\r\n`,
      );
      const { text } = await sendRaw(gate.port, write("GET", []));
      const { line, headers } = readAtClient(text);
      assert.equal(line, `HTTP/1.1 ${status}`);
      assert.deepEqual(
        headers.filter((header) => /^(set-cookie|etag)/.test(header)),
        ["etag: x", "set-cookie: b=2"],
      );
    }
  });

  it("not at all, when its status is over 599 and it has a cookie of Sallyport's name", async () => {
    respondWith(ok("999 No", ["Set-Cookie: __Host-sallyport=evil"]));
    const response = await sendRaw(gate.port, write("GET", []));
    assert.equal(response.status, 502);
    assert.doesNotMatch(response.text, /evil/);
  });
});
