import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readOriginalMethodAndUri } from "../../src/gate/authorize-proxied.ts";
import { asked, askWith, endpoints, page } from "../support/forward-auth.ts";
import { mintSessionToken, type Rule } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { send } from "../support/worker.ts";
import ambiguousPaths from "../vectors/ambiguous-paths.json";

beforeEach(() => void collectLogLines());
afterEach(() => vi.restoreAllMocks());

const read = (headers: Record<string, string>) => readOriginalMethodAndUri(new Headers(headers));

const policy: readonly Rule[] = [
  { path: "/admin/*", require: "second_factor" },
  { path: "/*", methods: ["GET"], require: "none" },
];

describe("the request that a proxy asks about", () => {
  const inbox = { method: "GET", path: "/inbox", uri: "/inbox?x=1" };

  it.each<[string, Record<string, string>]>([
    ["Caddy and Traefik", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/inbox?x=1" }],
    ["nginx, as a path", { "X-Original-Method": "GET", "X-Original-URL": "/inbox?x=1" }],
    [
      "nginx, as an address",
      { "X-Original-Method": "GET", "X-Original-URL": "https://site.example/inbox?x=1" },
    ],
    [
      "an address with a port",
      { "X-Original-Method": "GET", "X-Original-URL": "HTTP://site.example:8080/inbox?x=1" },
    ],
    ["an address of IPv6", { "X-Original-Method": "GET", "X-Original-URL": "http://[::1]:80/inbox?x=1" }],
    [
      "an address in X-Forwarded-Uri",
      { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "http://a/inbox?x=1" },
    ],
    [
      "both pairs, which agree",
      {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/inbox?x=1",
        "X-Original-Method": "GET",
        "X-Original-URL": "https://site.example/inbox?x=1",
      },
    ],
    [
      "a pair, and one of the other's that agrees",
      { "X-Forwarded-Method": "GET", "X-Original-Method": "GET", "X-Original-URL": "/inbox?x=1" },
    ],
    [
      "a pair, and the other one blanked",
      {
        "X-Forwarded-Method": "",
        "X-Forwarded-Uri": "",
        "X-Original-Method": "GET",
        "X-Original-URL": "/inbox?x=1",
      },
    ],
  ])("is read as %s says it", (_who, headers) => {
    expect(read(headers)).toEqual(inbox);
  });

  it.each([
    ["/", "/", "/"],
    ["/a?b?c", "/a", "/a?b?c"],
    ["/a?", "/a", "/a?"],
    ["//a/b", "//a/b", "//a/b"],
    ["http://a//b", "//b", "//b"],
    ["/http://b/c", "/http://b/c", "/http://b/c"],
    ["/a%2fb", "/a%2fb", "/a%2fb"],
    ["/a/../b", "/a/../b", "/a/../b"],
    ["http:///a", null, null],
  ])("keeps the address %s as it came", (uri, path, whole) => {
    const expected = path === null ? null : { method: "GET", path, uri: whole };
    expect(read({ "X-Forwarded-Method": "GET", "X-Forwarded-Uri": uri })).toEqual(expected);
  });

  /** Headers that don't say which request it is, or say more than one thing. */
  const unreadable: [string, Record<string, string>][] = [
    ["nothing", {}],
    ["a method only", { "X-Forwarded-Method": "GET" }],
    ["an address only", { "X-Forwarded-Uri": "/inbox" }],
    ["the other method only", { "X-Original-Method": "GET" }],
    ["the other address only", { "X-Original-URL": "/inbox" }],
    [
      "the method of one pair and the address of the other",
      { "X-Forwarded-Method": "GET", "X-Original-URL": "/x" },
    ],
    ["the other way round", { "X-Original-Method": "GET", "X-Forwarded-Uri": "/x" }],
    ["empty headers", { "X-Forwarded-Method": "", "X-Forwarded-Uri": "" }],
    ["no path", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "inbox" }],
    ["an address without a path", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "https://site.example" }],
    ["an address with a query only", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "https://a?/x" }],
    ["another scheme", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "ftp://a/x" }],
    ["a star", { "X-Forwarded-Method": "OPTIONS", "X-Forwarded-Uri": "*" }],
    ["a query", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "?x" }],
    ["a backslash", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "\\x" }],
    ["two addresses", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/public, /admin" }],
    ["a blank in the query", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/public?, /admin" }],
    ["a tab", { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/public\t/admin" }],
    ["two methods", { "X-Forwarded-Method": "GET, POST", "X-Forwarded-Uri": "/x" }],
    ["a method with a blank", { "X-Forwarded-Method": "GET /x", "X-Forwarded-Uri": "/x" }],
    ["INC-31 a method in lower case", { "X-Forwarded-Method": "get", "X-Forwarded-Uri": "/x" }],
    ["INC-31 a method in mixed case", { "X-Original-Method": "GeT", "X-Original-URL": "/x" }],
    [
      "INC-31 two methods in different case",
      { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/x", "X-Original-Method": "get" },
    ],
    ["INC-31 a request that comes back", { "X-Forwarded-Method": "TRACE", "X-Forwarded-Uri": "/x" }],
    ["INC-31 the same in Microsoft's spelling", { "X-Forwarded-Method": "TRACK", "X-Forwarded-Uri": "/x" }],
    ["INC-31 a tunnel", { "X-Forwarded-Method": "CONNECT", "X-Forwarded-Uri": "/x" }],
    ["a method that is none", { "X-Forwarded-Method": "G(T)", "X-Forwarded-Uri": "/x" }],
    [
      "a method that only looks like one in upper case",
      { "X-Forwarded-Method": "PO\u017FT", "X-Forwarded-Uri": "/x" },
    ],
    [
      "two addresses that contradict each other",
      {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/public",
        "X-Original-Method": "GET",
        "X-Original-URL": "/admin",
      },
    ],
    [
      "two methods that contradict each other",
      {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/x",
        "X-Original-Method": "DELETE",
        "X-Original-URL": "/x",
      },
    ],
    [
      "an address that contradicts the other pair",
      { "X-Forwarded-Uri": "/public", "X-Original-Method": "GET", "X-Original-URL": "/admin" },
    ],
    [
      "a method that contradicts the other pair",
      { "X-Original-Method": "GET", "X-Forwarded-Method": "DELETE", "X-Forwarded-Uri": "/x" },
    ],
    [
      "addresses that differ in their query only",
      {
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": "/x?a",
        "X-Original-Method": "GET",
        "X-Original-URL": "/x?b",
      },
    ],
  ];

  it.each(unreadable)("INC-01 INC-03 INC-04 is not readable from %s", (_what, headers) => {
    expect(read(headers)).toBeNull();
  });

  it.each(unreadable)(
    "INC-01 INC-03 INC-04 is refused with 403 to everybody from %s",
    async (_what, headers) => {
      const Cookie = `__Host-sallyport=${await mintSessionToken()}`;
      const open = asked([{ path: "/*", require: "none" }]);
      for (const endpoint of endpoints) {
        for (const client of [{}, { Cookie }, page]) {
          const response = await askWith(open, endpoint, { ...headers, ...client });
          expect([response.status, response.headers.get("Remote-User")]).toEqual([403, null]);
        }
      }
    },
  );

  it("INC-04 is not what a client says beside the proxy: a forged pair opens nothing that it could not have", async () => {
    const admin = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/admin" };
    const forgeries: Record<string, string>[] = [
      { "X-Original-Method": "GET", "X-Original-URL": "/public" },
      { "X-Original-URL": "/public" },
      { "X-Original-URL": "https://site.example/public" },
      { "X-Rewrite-URL": "/public" },
      { "X-Forwarded-Prefix": "/public" },
      { "X-Forwarded-Path": "/public" },
      { "X-Original-URI": "/public" },
      { X_Forwarded_Uri: "/public" },
    ];
    for (const endpoint of endpoints) {
      expect(
        (await askWith(asked(policy), endpoint, { ...admin, "X-Forwarded-Uri": "/public" })).status,
      ).toBe(200);
      for (const forged of forgeries)
        expect([401, 403]).toContain(
          (await askWith(asked(policy), endpoint, { ...admin, ...forged })).status,
        );
    }
  });

  it("INC-04 is not what the question's own address says", async () => {
    const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/admin" };
    for (const search of ["?uri=/public", "?rd=/public", "/../../public", "#/public"]) {
      const response = await askWith(asked(policy), `/forward-auth${search}` as "/forward-auth", headers);
      expect(response.status).not.toBe(200);
    }
  });
});

describe("an ambiguous path", () => {
  it("INC-05 INC-07 opens nothing through a proxy that it would not open at the gate", async () => {
    const bindings = asked(policy);
    for (const uri of ambiguousPaths) {
      for (const endpoint of endpoints) {
        const response = await askWith(bindings, endpoint, {
          "X-Forwarded-Method": "GET",
          "X-Forwarded-Uri": uri,
        });
        expect([uri, [401, 403]]).toEqual([uri, expect.arrayContaining([response.status])]);
        const whole = {
          "X-Original-Method": "GET",
          "X-Original-URL": `https://site.example${uri}?x=/public`,
        };
        expect([uri, [401, 403]]).toEqual([
          uri,
          expect.arrayContaining([(await askWith(bindings, endpoint, whole)).status]),
        ]);
      }
    }
  });

  it.each([
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/%61dmin",
    "/ADMIN",
    "//admin",
    "/public%2f..%2fadmin",
  ])("INC-05 is judged as it came to the proxy: %s", async (uri) => {
    for (const endpoint of endpoints) {
      const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": uri };
      expect((await askWith(asked(policy), endpoint, headers)).status).toBe(401);
    }
  });

  it.each(["/%", "/%zz", "/%c0%af", "/%00", "/admin%0a", "/a#b", "/%2500"])(
    "INC-01 that does not parse is refused with 403, to everybody: %s",
    async (uri) => {
      const Cookie = `__Host-sallyport=${await mintSessionToken()}`;
      for (const endpoint of endpoints) {
        const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": uri };
        expect((await askWith(asked(policy), endpoint, headers)).status).toBe(403);
        expect((await askWith(asked(policy), endpoint, { ...headers, Cookie })).status).toBe(403);
      }
    },
  );

  it("INC-09 does not lead away from the host by the way back", async () => {
    for (const uri of [
      "//evil.example/x",
      "/\\evil.example",
      "/%2f%2fevil.example",
      "https://a//evil.example",
    ]) {
      const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": uri, ...page };
      const response = await askWith(asked(), "/forward-auth", headers);
      const location = response.headers.get("Location") ?? "";
      expect(location).toMatch(/^\/api\/auth\/sign-in(\?rd=%2F[^&]*)?$/);
    }
  });
});

describe("a path of Sallyport's own", () => {
  it.each([
    "/api/auth",
    "/api/auth/",
    "/api/auth/sign-in",
    "/api/auth/auth-request",
    "/api/auth/x\\..\\auth-request",
    "/api/auth/x/../auth-request",
    "/api/auth/../x",
    "//api/auth/x",
    "/api//auth/x",
    "/API/AUTH/x",
    "/api/%61uth/x",
    "/api/%2561uth/x",
    "/api%2fauth/x",
    "/api/auth;x/y",
    "/api/auth./x",
    "/x/..%2fapi/auth",
    "https://site.example/api/auth/x?y",
  ])("INC-34 is never passed to the site, in any reading: %j is refused to everybody", async (uri) => {
    const Cookie = `__Host-sallyport=${await mintSessionToken()}`;
    const open = asked([{ path: "/*", require: "none" }]);
    for (const client of [{}, { Cookie }, { ...page, Cookie }]) {
      const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": uri, ...client };
      const responses = [
        await askWith(open, "/auth-request", headers),
        await askWith(open, "/forward-auth", headers),
      ];
      expect(responses.map(({ status }) => status)).toEqual([403, 404]);
      for (const response of responses) expect(response.headers.get("X-Sallyport-Assertion")).toBeNull();
    }
  });

  it("INC-34 of another BASE_PATH is the site's", async () => {
    const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/api/auth/x" };
    const request = new Request("https://site.example/door/auth-request", { headers });
    const bindings = asked([{ path: "/*", require: "none" }], { BASE_PATH: "/door" });
    expect((await send(request, bindings)).status).toBe(200);
  });
});
