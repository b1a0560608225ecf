import { beforeEach, describe, expect, it, vi } from "vitest";
import { copyWithoutConnectionHeaders } from "../../src/gate/connection-headers.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, visit } from "../support/gate.ts";
import { Browser, openSite } from "../support/origin-site.ts";

useFreshWorker();
beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));

const settings = "AAMAAABkAAQAAP__";
const open = [{ path: "/public/*", require: "none" as const }];

describe("an upgrade", () => {
  it.each([
    "h2c",
    "H2C",
    "h2",
    "websocket, h2c",
    "h2c, websocket",
    "websocket,h2c",
    "websocket websocket",
    "websocket/13",
    "TLS/1.0",
    "HTTP/2.0",
    "IRC/6.9",
    "foo",
    "",
  ])("INC-33 to %j does not reach the site, and the request is one without", async (Upgrade) => {
    const origin = mockOrigin();
    const headers = {
      Connection: "Upgrade, HTTP2-Settings",
      Upgrade,
      "HTTP2-Settings": settings,
      Accept: "text/plain",
    };
    expect((await visit(gated(open), "/public/x", { headers })).status).toBe(200);
    expect((await visit(gated(open), "/private", { headers })).status).toBe(401);
    expect(
      (await visit(gated(open), "/private", { headers, session: await mintSessionToken() })).status,
    ).toBe(200);
    expect(origin.requests).toHaveLength(2);
    for (const request of origin.requests) {
      for (const name of ["Upgrade", "HTTP2-Settings", "Connection"])
        expect([name, request.headers.get(name)]).toEqual([name, null]);
      expect(request.headers.get("Accept")).toBe("text/plain");
    }
  });

  it.each(["websocket", "WebSocket", "WEBSOCKET"])(
    "INC-33 to %j does, and nothing else with it",
    async (Upgrade) => {
      const origin = mockOrigin();
      const headers = {
        Connection: "keep-alive, Upgrade, HTTP2-Settings",
        Upgrade,
        "HTTP2-Settings": settings,
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
      };
      await visit(gated(open), "/public/x", { headers });
      const { headers: received } = origin.only();
      expect(received.get("Upgrade")).toBe("websocket");
      expect(received.get("HTTP2-Settings")).toBeNull();
      expect(received.get("Sec-WebSocket-Key")).toBe("dGhlIHNhbXBsZSBub25jZQ==");
    },
  );

  it.each(["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])(
    "INC-31 to a WebSocket does not reach the site with %s: the runtime would send a GET, which no rule has judged",
    async (method) => {
      const origin = mockOrigin();
      const rule = { path: "/hook", methods: [method], require: "none" as const };
      await visit(gated([rule]), "/hook", {
        method,
        headers: { Upgrade: "websocket", Connection: "Upgrade" },
      });
      expect([origin.only().method, origin.only().headers.get("Upgrade")]).toEqual([method, null]);
    },
  );

  it("INC-33 is not sent to the who-am-I of the site in any form", async () => {
    const site = openSite();
    site.sessions.set("s1", "ada");
    const browser = Browser.signedIn("s1");
    for (const Upgrade of ["h2c", "websocket"])
      await browser.request("/x", {
        headers: { Upgrade, Connection: "Upgrade, X-Foo", "X-Foo": "1", "HTTP2-Settings": settings },
      });
    expect(site.probes.length).toBeGreaterThan(0);
    for (const { headers } of site.probes)
      for (const name of ["Upgrade", "HTTP2-Settings", "X-Foo"])
        expect([name, headers.get(name)]).toEqual([name, null]);
  });
});

describe("headers of the client's own connection", () => {
  it("INC-33 do not reach the site, nor does what Connection names", async () => {
    const origin = mockOrigin();
    const headers = {
      Connection: "close, X-Foo,x_bar ,, Cookie, not a name, Remote-User",
      "Keep-Alive": "timeout=5",
      "Proxy-Connection": "keep-alive",
      "Proxy-Authorization": "Basic x",
      TE: "trailers",
      Trailer: "X-T",
      "X-Foo": "1",
      x_bar: "1",
      Cookie: "a=b",
      "X-Kept": "1",
    };
    await visit(gated(open), "/inside", { headers, session: await mintSessionToken() });
    const { headers: received } = origin.only();
    const names = [
      "Connection",
      "Keep-Alive",
      "Proxy-Connection",
      "Proxy-Authorization",
      "TE",
      "Trailer",
      "X-Foo",
      "x_bar",
      "Cookie",
    ];
    for (const name of names) expect([name, received.get(name)]).toEqual([name, null]);
    expect(received.get("X-Kept")).toBe("1");
    // What the gate says is said after that: a client can't name it away.
    expect(received.get("Remote-User")).toBe("ada");
  });

  it("INC-33 are recognised in any case, and the headers that came stay as they are", () => {
    const received = new Headers({
      "http2-settings": settings,
      connection: "x-one",
      "X-One": "1",
      upgrade: "h2c",
    });
    expect([...copyWithoutConnectionHeaders(received)]).toEqual([]);
    expect(received.get("X-One")).toBe("1");
  });
});
