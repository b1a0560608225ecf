import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, asked, endpoints } from "../support/forward-auth.ts";
import { gated, mockOrigin, visit } from "../support/gate.ts";
import { host } from "../support/worker.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const pages: readonly [string, Record<string, string>][] = [
  ["a navigation", { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", Accept: html }],
  ["a navigation of a frame", { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe" }],
  ["a navigation that says only where it leads", { "Sec-Fetch-Dest": "document" }],
  ["an old browser", { Accept: html }],
  ["an old browser's view in an app", { Accept: html, "X-Requested-With": "com.example.app" }],
  ["a client that takes HTML as well as JSON", { Accept: "application/json, text/html" }],
  ["a client that names HTML in capitals", { Accept: "TEXT/HTML" }],
  ["a client that takes HTML with a low weight, and no JSON", { Accept: "*/*, text/html;q=0.1" }],
  ["a client with junk beside HTML", { Accept: ';;,"text/html;q=0,, text/html;level="a,b;q=0";q=.9 ,=,' }],
];

const scripts: readonly [string, Record<string, string>][] = [
  ["fetch", { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", Accept: "*/*" }],
  ["fetch that asks for HTML", { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", Accept: html }],
  ["fetch within the site", { "Sec-Fetch-Mode": "same-origin", Accept: html }],
  ["an image", { "Sec-Fetch-Dest": "image", Accept: html }],
  ["XMLHttpRequest of a script library", { "X-Requested-With": "XMLHttpRequest", Accept: html }],
  ["XMLHttpRequest in another case", { "X-Requested-With": "xmlhttprequest", Accept: "text/html" }],
  ["a client that refuses HTML", { Accept: "text/html;q=0, application/json" }],
  ["a client that refuses HTML with more digits", { Accept: "text/html ; q=0.000 , */*" }],
  ["a client that prefers JSON", { Accept: "application/json, text/html;q=0.9" }],
  ["a client that prefers problem documents", { Accept: "text/html;q=0.5, application/problem+json" }],
  ["a client that takes everything", { Accept: "*/*" }],
  ["a client whose type only contains the words", { Accept: 'application/x;of="text/html", text/htmlx' }],
  ["a client that says nothing", {}],
];

describe("a request without a session", () => {
  it.each(pages)("is redirected to the sign-in page when it is %s", async (_who, headers) => {
    mockOrigin();
    const [atGate, ofProxy] = [
      await visit(gated(), "/a?b=1", { headers }),
      await ask(asked(), "/forward-auth", { uri: "/a?b=1", headers }),
    ];
    for (const { status, headers: sent } of [atGate, ofProxy])
      expect([status, sent.get("Location")]).toEqual([303, "/api/auth/sign-in?rd=%2Fa%3Fb%3D1"]);
  });

  it.each(scripts)("gets a problem and no page when it is %s, also in a POST", async (_who, headers) => {
    mockOrigin();
    for (const method of ["GET", "POST"]) {
      const [atGate, ofProxy] = [
        await visit(gated(), "/a", { method, headers }),
        await ask(asked(), "/forward-auth", { method, uri: "/a", headers }),
      ];
      for (const refused of [atGate, ofProxy]) {
        expect([method, refused.status, refused.headers.get("Location")]).toEqual([method, 401, null]);
        expect(await refused.json()).toMatchObject({ code: "unauthenticated", sign_in: expect.any(String) });
      }
    }
  });

  it.each(scripts)("leads back to the page of the script when it is %s", async (_who, headers) => {
    mockOrigin();
    const page = { ...headers, Referer: `${host}/app?tab=2` };
    const back = "/api/auth/sign-in?rd=%2Fapp%3Ftab%3D2";
    const refused = await visit(gated(), "/api/data", { headers: page });
    expect(await refused.json()).toMatchObject({ sign_in: back });
    const { headers: ofProxy } = await ask(asked(), "/auth-request", { uri: "/api/data", headers: page });
    expect(ofProxy.get("Location")).toBe(back);
  });

  it("INC-09 does not lead back to the page of another site", async () => {
    mockOrigin();
    for (const Referer of ["https://evil.example/x", "https://shop.example.evil.example/x", "/x", "x"]) {
      const refused = await visit(gated(), "/api/data", { headers: { Referer } });
      expect(await refused.json()).toMatchObject({ sign_in: "/api/auth/sign-in?rd=%2Fapi%2Fdata" });
    }
  });

  it("leads back to the page on the host that the proxy names", async () => {
    const headers = { Referer: "https://www.example/app", "X-Forwarded-Host": "www.example" };
    for (const endpoint of endpoints) {
      const refused = await ask(asked(), endpoint, { method: "POST", uri: "/data", headers });
      const back = refused.headers.get("Location") ?? ((await refused.json()) as { sign_in: string }).sign_in;
      expect(back).toBe("/api/auth/sign-in?rd=%2Fapp");
    }
  });

  it("carries an address of 4096 characters, and is still sent to sign in with a longer one", async () => {
    mockOrigin();
    const headers = { Accept: html };
    const longest = `/a?${"x".repeat(4093)}`;
    const whole = await visit(gated(), longest, { headers });
    expect(whole.headers.get("Location")).toBe(`/api/auth/sign-in?${new URLSearchParams({ rd: longest })}`);
    const longer = await visit(gated(), `${longest}x`, { headers });
    expect([longer.status, longer.headers.get("Location")]).toEqual([303, "/api/auth/sign-in"]);
  });
});
