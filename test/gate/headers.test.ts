import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { identityHeaderSources } from "../../scripts/examples/known-headers.ts";
import { gated, mintSessionToken, mockOrigin, visit } from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const open = gated([{ path: "/*", require: "none" }]);
const forged = "root";

/** What the origin got of the forged value, in whatever header. */
const forgeriesIn = (request: Request) => [...request.headers].filter(([, value]) => value.includes(forged));

describe("identity headers of the client", () => {
  const names = [
    "Remote-User",
    "REMOTE-USER",
    "remote_user",
    "REMOTE_USER",
    "remote.user",
    "Remote.User",
    "Remote-Email",
    "Remote_Email",
    "Remote-Name",
    "Remote-Groups",
    "remote_groups",
    "Remote-Addr",
    "Remote",
    "X-Sallyport-Assertion",
    "x_sallyport_assertion",
    "X.Sallyport.Assertion",
    "X_Sallyport-Assertion",
    "X-Sallyport-User",
    "X-Sallyport-Proxy-Key",
    "X-Sallyport",
    "X-Forwarded-User",
    "X_Forwarded_User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups",
    "X-Forwarded-Access-Token",
    "X-Forwarded-For",
    "x_forwarded_for",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-Forwarded",
    "X-Remote-User",
    "X-Webauth-User",
    "X-authentik-username",
    "Proxy",
    "Forwarded",
    "FORWARDED",
  ];

  it.each(names)("INC-08 WB-05 %s does not reach the origin", async (name) => {
    const origin = mockOrigin();
    const session = await mintSessionToken();
    await visit(open, "/a", { headers: { [name]: forged } });
    await visit(open, "/a", { headers: { [name]: forged }, session });
    expect(origin.requests.flatMap(forgeriesIn)).toEqual([]);
    expect(origin.requests.map(({ headers }) => headers.get("Remote-User"))).toEqual([null, "ada"]);
  });

  it("WB-05 INC-08 no header by which a known gateway names the user reaches the origin", async () => {
    const origin = mockOrigin();
    const identity = identityHeaderSources.flatMap(({ names }) => names);
    const headers = new Headers(identity.map((name): [string, string] => [name, forged]));
    await visit(open, "/a", { headers });
    await visit(open, "/a", { headers, session: await mintSessionToken() });
    expect(origin.requests.flatMap(forgeriesIn)).toEqual([]);
  });

  it.each([
    "X-User-Id",
    "X-User-Agent",
    "X-Auth-Token",
    "X-Auth-Key",
    "X-Access-Token",
    "X-Token",
    "X-Credentials",
  ])("%s is the application's own, and reaches the origin", async (name) => {
    const origin = mockOrigin();
    await visit(open, "/a", { headers: { [name]: "own" } });
    expect(origin.only().headers.get(name)).toBe("own");
  });

  it("INC-39 KEEP_HEADERS passes the plain name alone, and DROP_HEADERS removes a name in every spelling", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/*", require: "none" }], {
      KEEP_HEADERS: "X-Auth-User,X-Acme-Trace",
      DROP_HEADERS: "X-User-Id,X-Acme-*",
    });
    const dropped = [
      "X-User-Id",
      "x_user_id",
      "X-User.Id",
      "X-Acme",
      "X-Acme-Key",
      "X-Auth-Email",
      "X_Auth_User",
      "Remote-User",
    ];
    const kept = ["x-auth-user", "x-acme-trace", "x-user-ids", "x-acmes"];
    const headers = new Headers([...dropped, ...kept].map((name): [string, string] => [name, forged]));
    await visit(bindings, "/a", { headers });
    expect(
      forgeriesIn(origin.only())
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(kept.toSorted());
  });

  it("INC-39 KEEP_HEADERS does not pass the header in which a proxy names the user", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/*", require: "none" }], {
      KEEP_HEADERS: "X-Auth-User",
      FIRST_FACTOR: "proxy",
      PROXY_KEY: "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4",
      PROXY_USER_HEADER: "X-Auth-User",
    });
    await visit(bindings, "/a", { headers: { "X-Auth-User": forged } });
    expect(forgeriesIn(origin.only())).toEqual([]);
  });

  /** Every character that a header's name may have besides letters and digits (RFC 9110 5.6.2). */
  const separators = [..."-!#$%&'*+.^_`|~"];
  const cases = [
    (name: string) => name,
    (name: string) => name.toLowerCase(),
    (name: string) => name.toUpperCase(),
    (name: string) =>
      [...name].map((char, at) => (at % 2 === 0 ? char.toLowerCase() : char.toUpperCase())).join(""),
  ];

  /** The name with each separator in the place of every `-`, also with two separators in turn, each in several cases. */
  function spellingsOf(name: string): string[] {
    const parts = name.split("-");
    const joined = separators.flatMap((separator, at) => {
      const next = separators[(at + 1) % separators.length] ?? "";
      const mixed = parts.reduce((sum, part, index) => sum + (index % 2 === 0 ? next : separator) + part);
      return [parts.join(separator), mixed];
    });
    return joined.flatMap((spelling) => cases.map((inCase) => inCase(spelling)));
  }

  it.each([
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "Remote-Addr",
    "X-Sallyport-Assertion",
    "X-Sallyport-User",
    "X-Sallyport-Proxy-Key",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups",
    "X-Forwarded-Access-Token",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-User-Email",
    "X-Auth-User",
    "X-Remote-User",
    "X-Vouch-User",
    "Ssl-Client-S-Dn",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    "X-Auth-Request-Email",
    "X-Original-Url",
    "X-Rewrite-Url",
  ])("INC-08 INC-26 %s reaches the origin in no spelling that a server folds", async (name) => {
    const origin = mockOrigin();
    const headers = new Headers(spellingsOf(name).map((spelling): [string, string] => [spelling, forged]));
    expect([...headers.keys()].length).toBeGreaterThanOrEqual(separators.length);
    await visit(open, "/a", { headers });
    await visit(open, "/a", { headers, session: await mintSessionToken() });
    expect(origin.requests.flatMap(forgeriesIn)).toEqual([]);
    expect(origin.requests.map((request) => request.headers.get("Remote-User"))).toEqual([null, "ada"]);
  });

  it("INC-08 all of them at once leave nothing but what the gate says", async () => {
    const origin = mockOrigin();
    const headers = new Headers(names.map((name): [string, string] => [name, forged]));
    await visit(open, "/a", { headers });
    expect(Object.fromEntries(origin.only().headers)).toEqual({
      "x-forwarded-host": "site.example",
      "x-forwarded-proto": "https",
    });
  });

  it.each([
    "SCRIPT_NAME",
    "Script-Name",
    "X-Script-Name",
    "PATH_INFO",
    "Path-Info",
    "X-Sendfile-Type",
    "X-Accel-Mapping",
    "X-Matched-Path",
    "X-Astro-Path",
    "X-Invoke-Path",
    "x-middleware-subrequest",
    "X-Envoy-Original-Path",
    "X-Ingress-Path",
    "X-Traversal-Path",
    "WL-Proxy-Client-Cert",
    "WL-Path-Prepend",
    "$WSRU",
    "X_Request_Id",
    "Content_Length",
    "Transfer_Encoding",
    "X.Api~Key",
    "a!b",
  ])("INC-35 INC-26 %s does not reach the origin", async (name) => {
    const origin = mockOrigin();
    for (const METHOD_OVERRIDE of ["drop", "pass", "never"]) {
      const bindings = gated([{ path: "/*", require: "none" }], { METHOD_OVERRIDE });
      const headers = { [name]: forged, "X-Request-Id": "7" };
      await visit(bindings, "/a", { headers });
      await visit(bindings, "/a", { headers, session: await mintSessionToken() });
    }
    expect(origin.requests.flatMap(forgeriesIn)).toEqual([]);
    expect(origin.requests.map(({ headers }) => headers.get("X-Request-Id"))).toEqual(Array(6).fill("7"));
  });

  it("INC-31 a method override reaches the origin in no spelling that a server folds", async () => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/*", require: "none" }], { METHOD_OVERRIDE: "pass" });
    await visit(bindings, "/a", { headers: { "X-HTTP-Method": "GET", X_HTTP_Method_Override: "GET" } });
    const names = [...origin.only().headers.keys()];
    expect(names.filter((name) => name.includes("method"))).toEqual(["x-http-method"]);
  });

  it("keeps headers that only look like them", async () => {
    const origin = mockOrigin();
    const headers = { "X-Remotes": "a", Remoteness: "b", "X-Forwardedness": "c", "X-Sallyports": "d" };
    await visit(open, "/a", { headers });
    for (const [name, value] of Object.entries(headers))
      expect(origin.only().headers.get(name), name).toBe(value);
  });
});

describe("a client's request for another method", () => {
  it.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"])(
    "INC-31 %s does not reach the origin, which might take a POST for a DELETE",
    async (name) => {
      const origin = mockOrigin();
      await visit(open, "/a", { method: "POST", headers: { [name]: "DELETE" } });
      expect([...origin.only().headers].filter(([, value]) => value === "DELETE")).toEqual([]);
    },
  );
});

describe("what the gate says", () => {
  it("WB-05 names the account, and how the visitor came", async () => {
    const origin = mockOrigin();
    const headers = { "CF-Connecting-IP": "198.51.100.7", "X-Forwarded-For": "203.0.113.9" };
    await visit(gated(), "/a", { headers, session: await mintSessionToken() });
    const seen = origin.only().headers;
    expect(seen.get("Remote-User")).toBe("ada");
    expect(seen.get("Remote-Email")).toBe("ada@example.com");
    expect(seen.get("X-Sallyport-Assertion")).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(seen.get("X-Forwarded-For")).toBe("198.51.100.7");
    expect(seen.get("X-Forwarded-Host")).toBe("site.example");
    expect(seen.get("X-Forwarded-Proto")).toBe("https");
  });

  it("says no address of an account that has none, whatever the client says", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken({ email: null });
    await visit(gated(), "/a", { headers: { "Remote-Email": "root@example.com" }, session });
    expect(origin.only().headers.has("Remote-Email")).toBe(false);
  });

  it("names an account of another script in UTF-8, without an error", async () => {
    const origin = mockOrigin();
    const response = await visit(gated(), "/a", { session: await mintSessionToken({ username: "жанна é" }) });
    expect(response.status).toBe(200);
    expect(origin.only().headers.get("Remote-User")).toBe("жанна é");
  });

  it("leaves other headers of the client as they are", async () => {
    const origin = mockOrigin();
    const headers = {
      Accept: "text/*;q=0.5, */*",
      "Accept-Encoding": "gzip, br",
      "Accept-Language": "de",
      "If-None-Match": '"v1"',
      Origin: "https://elsewhere.example",
      Range: "bytes=0-9",
      Referer: "https://elsewhere.example/x",
      "User-Agent": "test/1",
      "X-Csrf-Token": "t",
    };
    await visit(gated(), "/a", { headers, session: await mintSessionToken() });
    expect(Object.fromEntries(origin.only().headers)).toMatchObject(
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    );
  });
});

describe("cookies on their way in", () => {
  it("keeps the Worker's from the origin, and all others in their order", async () => {
    const origin = mockOrigin();
    const token = await mintSessionToken();
    const Cookie = `a=1; __Host-sallyport=${token}; b="x y"; __Host-sallyport-pending=pending_x; c=%zz; __Host-sallyport-device=k1.1.1.x; d; a=2`;
    const response = await visit(gated(), "/a", { headers: { Cookie } });
    expect(response.status).toBe(200);
    expect(origin.only().headers.get("Cookie")).toBe('a=1; b="x y"; c=%zz; d; a=2');
  });

  it.each([
    "__Host-sallyport=x",
    "  __Host-sallyport =x",
    "__Host-sallyport=x;__Host-sallyport=y",
    "__Host-sallyport",
  ])("sends no Cookie header when there is nothing but %j in it", async (Cookie) => {
    const origin = mockOrigin();
    await visit(open, "/a", { headers: { Cookie } });
    expect(origin.only().headers.get("Cookie")).toBeNull();
  });

  it("keeps cookies of others that have a similar name", async () => {
    const origin = mockOrigin();
    const Cookie = "sallyport=1; __Host-sallyport2=2; __Secure-sallyport=3; x__Host-sallyport=4";
    await visit(open, "/a", { headers: { Cookie } });
    expect(origin.only().headers.get("Cookie")).toBe(Cookie);
  });
});

describe("cookies on their way out", () => {
  const answerWith =
    (...cookies: string[]) =>
    () =>
      new Response("ok", { headers: cookies.map((cookie): [string, string] => ["Set-Cookie", cookie]) });

  it("keeps several of the origin's apart, commas and all", async () => {
    const cookies = [
      "a=1; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT",
      "b=2; Domain=site.example",
      "a=3",
      "__Host-other=4; Secure; Path=/",
    ];
    mockOrigin(answerWith(...cookies));
    const response = await visit(open, "/a");
    expect(response.headers.getSetCookie()).toEqual(cookies);
  });

  it.each([
    "__Host-sallyport=evil; Secure; Path=/",
    "__Host-sallyport-pending=evil; Secure; Path=/",
    "__Host-sallyport-device=evil; Secure; Path=/",
    "__host-sallyport=evil; Secure; Path=/",
    "__HOST-SALLYPORT=evil",
    "__Host-Sallyport-Pending=evil",
    " \t__Host-sallyport=evil",
    "__Host-sallyport =evil",
    "__Host-sallyport",
    "__Host-sallyport; Max-Age=0",
    "__Host-sallyport=; Max-Age=0",
    // A cookie without a name, which is sent back as if it had this one.
    "=__Host-sallyport=evil; Secure; Path=/",
    "==__Host-sallyport=evil",
    " = __Host-sallyport=evil",
  ])("the origin can't set or end a session with %j", async (cookie) => {
    mockOrigin(answerWith("a=1", cookie, "b=2"));
    const response = await visit(open, "/a");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });
});

describe("Authorization", () => {
  it.each(["Bearer", "bearer", "BEARER"])(
    "opens the gate with the Worker's own token after %s, and does not show it to the origin",
    async (scheme) => {
      const origin = mockOrigin();
      const headers = { Authorization: `${scheme} ${await mintSessionToken()}` };
      expect((await visit(gated(), "/a", { headers })).status).toBe(200);
      expect(origin.only().headers.get("Authorization")).toBeNull();
      expect(origin.only().headers.get("Remote-User")).toBe("ada");
    },
  );

  it.each([
    "Basic YWRhOng=",
    "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
    "Bearer opaque",
    "DPoP x",
    "Negotiate abc=",
    "x",
  ])("of somebody else (%s) goes on to the origin untouched", async (Authorization) => {
    const origin = mockOrigin();
    expect((await visit(open, "/a", { headers: { Authorization } })).status).toBe(200);
    expect(origin.only().headers.get("Authorization")).toBe(Authorization);
  });

  it.each(["Basic YWRhOng=", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Bearer opaque"])(
    "of somebody else (%s) does not hide the session in the cookie",
    async (Authorization) => {
      const origin = mockOrigin();
      const response = await visit(gated(), "/a", {
        headers: { Authorization },
        session: await mintSessionToken(),
      });
      expect(response.status).toBe(200);
      expect(origin.only().headers.get("Authorization")).toBe(Authorization);
      expect(origin.only().headers.get("Remote-User")).toBe("ada");
    },
  );
});
