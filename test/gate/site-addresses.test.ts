import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gated, mintSessionToken, mockOrigin, visit } from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const visitors = "https://site.example";
const origins = "http://10.0.0.5:8080";
const behind = (overrides = {}) =>
  gated([{ path: "/*", require: "none" }], { ORIGIN_URL: origins, ...overrides });

/** Sends a request with this header, and returns what the origin got of it. */
async function sent(
  name: string,
  value: string,
  { method = "GET", ...overrides }: Record<string, string> = {},
) {
  const origin = mockOrigin();
  await visit(behind(overrides), "/a", { method, headers: { [name]: value } });
  return origin.only().headers.get(name);
}

/** Returns what the visitor gets of this header in the origin's response. */
async function received(name: string, value: string, overrides = {}) {
  mockOrigin(() => new Response("ok", { headers: { [name]: value } }));
  return (await visit(behind(overrides), "/a")).headers.get(name);
}

describe("an address of the site in a request, with ORIGIN_HOST=origin", () => {
  it.each([
    ["Origin", visitors, origins],
    ["Referer", visitors, origins],
    ["Referer", `${visitors}/`, `${origins}/`],
    ["Referer", `${visitors}/a%2Fb?x=${visitors}/#y`, `${origins}/a%2Fb?x=${visitors}/#y`],
  ])("is the origin's own in %s: %s", async (name, value, expected) => {
    expect(await sent(name, value)).toBe(expected);
    expect(await sent(name, value, { ORIGIN_HOST: "forward" })).toBe(value);
  });

  it.each([
    "null",
    "http://site.example",
    "https://site.example:444",
    "https://site.example.evil.example",
    "https://evil.example",
    "https://evil.example/https://site.example",
    "https://site.example@evil.example",
    "https://user@site.example",
    "https://xn--site-cma.example",
    "https://site.example, https://evil.example",
    "https://evil.example, https://site.example",
    "https://site.example/",
    "HTTPS://SITE.EXAMPLE",
    "//site.example",
  ])("INC-39 is not made of the Origin %s", async (value) => {
    expect(await sent("Origin", value)).toBe(value);
  });

  it.each([
    "http://site.example/x",
    "https://site.example:444/x",
    "https://site.example.evil.example/x",
    "https://site.example@evil.example/x",
    "https://site.example\\@evil.example/x",
    "https://site.example?x",
    "https://user:pass@site.example/x",
    "https://evil.example/?https://site.example/x",
    "about:client",
  ])("INC-39 is not made of the Referer %s", async (value) => {
    expect(await sent("Referer", value)).toBe(value);
  });

  it("INC-39 is not made of two Origin lines, nor of an Origin in a script's request from another site", async () => {
    const origin = mockOrigin();
    const headers: [string, string][] = [
      ["Origin", visitors],
      ["Origin", "https://evil.example"],
    ];
    await visit(behind(), "/a", { method: "POST", headers, session: await mintSessionToken() });
    expect(origin.only().headers.get("Origin")).toBe(`${visitors}, https://evil.example`);
  });

  it.each([origins, "https://10.0.0.5:8080"])(
    "INC-39 is not believed in the Origin or Referer of a page at the origin's own address: %s",
    async (page) => {
      expect(await sent("Origin", page, { method: "POST" })).toBe("null");
      expect(await sent("Referer", `${page}/x`, { method: "POST" })).toBeNull();
      expect(await sent("Origin", page, { method: "POST", ORIGIN_HOST: "forward" })).toBe(page);
      expect(await sent("Referer", `${page}/x`, { ORIGIN_HOST: "forward" })).toBe(`${page}/x`);
    },
  );

  it("INC-39 stays where the site has one address only", async () => {
    for (const [name, value] of [
      ["Origin", visitors],
      ["Referer", `${visitors}/x`],
    ] as const)
      expect(await sent(name, value, { ORIGIN_URL: visitors })).toBe(value);
    expect(await sent("Origin", "http://site.example", { ORIGIN_URL: visitors })).toBe("null");
  });

  it("WB-12 INC-39 of a WebSocket handshake is compared before it is translated", async () => {
    const origin = mockOrigin();
    const handshake = (Origin: string) => ({ Upgrade: "websocket", "Sec-WebSocket-Key": "x", Origin });
    const session = await mintSessionToken();
    const own = await visit(behind(), "/a", { headers: handshake(visitors), session });
    expect([own.status, origin.only().headers.get("Origin")]).toEqual([200, origins]);
    for (const foreign of [origins, "https://evil.example"])
      expect((await visit(behind(), "/a", { headers: handshake(foreign), session })).status).toBe(403);
  });

  it.each([
    [`${visitors}/b`, `${origins}/b`],
    ["http://site.example/b", `${origins}/b`],
    ["HTTPS://SITE.example:443/b", `${origins}/b`],
    [`${visitors}/B%2fc%20d/..;x`, `${origins}/B%2fc%20d/..;x`],
    ["/b", "/b"],
  ])("INC-31 is the judged path at the origin in Destination: %s", async (value, expected) => {
    expect(await sent("Destination", value, { method: "MOVE" })).toBe(expected);
    expect(await sent("Destination", value, { method: "MOVE", ORIGIN_HOST: "forward" })).toBe(value);
  });

  it("INC-31 is judged in Destination before it is translated", async () => {
    const origin = mockOrigin();
    const bindings = gated(
      [
        { path: "/private/*", require: "second_factor" },
        { path: "/*", require: "none" },
      ],
      { ORIGIN_URL: origins },
    );
    const move = (Destination: string) => visit(bindings, "/a", { method: "MOVE", headers: { Destination } });
    expect((await move(`${visitors}/private/b`)).status).toBe(401);
    expect((await move(`${origins}/b`)).status).toBe(400);
    expect(origin.requests).toEqual([]);
  });

  it.each([
    [`<${visitors}/a?b> (<urn:x>)`, `<${origins}/a?b> (<urn:x>)`],
    [
      `<${visitors}/a> (<opaquelocktoken:1> ["e<${visitors}/q>)"]) (Not <${visitors}/lock>) <${visitors}/b>(["x"])`,
      `<${origins}/a> (<opaquelocktoken:1> ["e<${visitors}/q>)"]) (Not <${visitors}/lock>) <${origins}/b>(["x"])`,
    ],
    ["</a> (<urn:x>)", "</a> (<urn:x>)"],
    ["<https://evil.example/a> (<urn:x>)", "<https://evil.example/a> (<urn:x>)"],
    [`(<${visitors}/lock>)`, `(<${visitors}/lock>)`],
  ])("is the origin's own in the resource tags of If: %s", async (value, expected) => {
    expect(await sent("If", value, { method: "PUT" })).toBe(expected);
  });
});

describe("an address of the origin in a response, with ORIGIN_HOST=origin", () => {
  it.each([
    ["Location", `${origins}/b?c#d`, `${visitors}/b?c#d`],
    ["Location", origins, visitors],
    ["Location", "https://10.0.0.5:8080/b", `${visitors}/b`],
    ["Location", "HTTP://10.0.0.5:8080?x", `${visitors}?x`],
    ["Location", "//10.0.0.5:8080/b", "//site.example/b"],
    ["Location", `${origins}//evil.example`, `${visitors}//evil.example`],
    ["Content-Location", `${origins}/b`, `${visitors}/b`],
    ["Link", `<${origins}/b>; rel=next, </c>; rel=prev`, `<${visitors}/b>; rel=next, </c>; rel=prev`],
    ["Refresh", `5; url=${origins}/b`, `5; url=${visitors}/b`],
    ["Refresh", `0;URL="${origins}/b"`, `0;URL="${visitors}/b"`],
    ["Access-Control-Allow-Origin", origins, visitors],
  ])("is the visitor's in %s: %s", async (name, value, expected) => {
    expect(await received(name, value)).toBe(expected);
    expect(await received(name, value, { ORIGIN_HOST: "forward" })).toBe(value);
  });

  it.each([
    ["Location", "/b"],
    ["Location", "b//10.0.0.5:8080/"],
    ["Location", "http://10.0.0.5/b"],
    ["Location", "http://10.0.0.5:8080.evil.example/b"],
    ["Location", "http://10.0.0.5:80801/b"],
    ["Location", "http://10.0.0.5:8080@evil.example/b"],
    ["Location", "http://evil.example\\@10.0.0.5:8080/b"],
    ["Location", "http://user@10.0.0.5:8080/b"],
    ["Location", "http://10.0.0.5:8080\\@evil.example/b"],
    ["Location", "https://evil.example/http://10.0.0.5:8080/"],
    ["Location", "///10.0.0.5:8080/b"],
    ["Location", "javascript://10.0.0.5:8080/%0aalert(1)"],
    ["Link", "<https://evil.example/b>; rel=next"],
    ["Refresh", "5"],
    ["Refresh", "5; url=https://evil.example/"],
    ["Access-Control-Allow-Origin", "*"],
    ["Access-Control-Allow-Origin", "https://evil.example"],
  ])("INC-39 is not made of %s: %s", async (name, value) => {
    expect(await received(name, value)).toBe(value);
  });

  it("leaves out a cookie's Domain that is the origin's host, which a browser would refuse", async () => {
    const cookies = [
      "a=1; Domain=10.0.0.5; Path=/",
      "b=domain=10.0.0.5; domain=.10.0.0.5",
      "c=3; Domain=example.com",
      "d=4; Secure",
    ];
    const headers = cookies.map((cookie): [string, string] => ["Set-Cookie", cookie]);
    mockOrigin(() => new Response("ok", { headers }));
    const { headers: got } = await visit(behind(), "/a");
    expect(got.getSetCookie()).toEqual(["a=1; Path=/", "b=domain=10.0.0.5", ...cookies.slice(2)]);
    expect((await visit(behind({ ORIGIN_HOST: "forward" }), "/a")).headers.getSetCookie()).toEqual(cookies);
  });

  it("keeps a cookie's Domain that the visitor's host belongs to", async () => {
    const cookie = "a=1; Domain=example; Path=/";
    for (const ORIGIN_URL of ["https://example", "http://site.example:8080"])
      expect(await received("Set-Cookie", cookie, { ORIGIN_URL })).toBe(cookie);
    expect(await received("Set-Cookie", "a=1; Domain=e.example", { ORIGIN_URL: "https://e.example" })).toBe(
      "a=1",
    );
  });
});
