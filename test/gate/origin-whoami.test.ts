import { beforeEach, describe, expect, it } from "vitest";
import { getConfig } from "../../src/runtime.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, originVariables, pageLoad, type Site } from "../support/origin-site.ts";
import { environment } from "../support/worker.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada");
});

const html = () => new Response("<h1>Sign in</h1>", { headers: { "Content-Type": "text/html" } });
const user = (name: unknown) => () => Response.json({ user: { name } });

/** Never responds, and ends when the request is aborted. */
const never = ({ signal }: Request) =>
  new Promise<Response>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

/** Begins to answer, and never ends. */
const trickle = ({ signal }: Request) => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"user":'));
      signal.addEventListener("abort", () => controller.error(signal.reason));
    },
  });
  return new Response(body, { headers: { "Content-Type": "application/json" } });
};

const lies: [string, Site["whoAmI"]][] = [
  ["that it is forbidden to ask", () => new Response("no", { status: 403 })],
  ["an error", () => new Response("oops", { status: 500 })],
  ["that it is overloaded", () => new Response(null, { status: 503 })],
  ["that there is no such page", () => new Response(null, { status: 404 })],
  ["a redirect to its login", () => new Response(null, { status: 302, headers: { Location: "/login" } })],
  ["nothing at all, with 204", () => new Response(null, { status: 204 })],
  ["a part of it", () => new Response('{"user":{"name":"ada"}}', { status: 206 })],
  ["a page instead of JSON", html],
  ["JSON that is called text", () => new Response('{"user":{"name":"ada"}}')],
  ["broken JSON", () => new Response("{", { headers: { "Content-Type": "application/json" } })],
  ["no JSON at all", () => new Response("", { headers: { "Content-Type": "application/json" } })],
  ["an object for a name", user({ first: "ada" })],
  ["a list for a name", user(["ada"])],
  ["true for a name", user(true)],
  ["a name of control characters", user("a\u0000da")],
  ["a name of blanks", user("  ")],
  ["a name of a thousand characters", user("a".repeat(1000))],
  ["more than it takes", () => Response.json({ user: { name: "ada" }, pad: "x".repeat(100_000) })],
  ["a connection that is refused", () => Promise.reject(new TypeError("connection refused"))],
];

describe("a who-am-I that fails", () => {
  it.each(lies)("INC-20 denies access when it responds with %s", async (_what, answer) => {
    site.whoAmI = answer;
    const browser = Browser.signedIn("s1");
    const page = await browser.load("/inbox");
    expect([page.status, page.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(page.headers.get("Content-Type")).toContain("text/html");
    const data = await browser.script("/inbox");
    expect([data.status, await data.json()]).toEqual([
      503,
      expect.objectContaining({ code: "first_factor_unavailable" }),
    ]);
    expect(site.pages).toHaveLength(0);
    expect([...browser.cookies.keys()]).toEqual(["sid"]);
  });

  it("INC-20 denies access when it does not respond, or does not end its response", async () => {
    const patience = [never, trickle].map(async (answer) => {
      site.whoAmI = answer;
      return (await Browser.signedIn("s1").load("/inbox")).status;
    });
    expect(await Promise.all(patience)).toEqual([503, 503]);
    expect(site.pages).toHaveLength(0);
  });

  it("INC-20 ends what it has let through before, at the next recheck", async () => {
    const browser = Browser.signedIn("s1", { SESSION_RECHECK: "0" });
    await browser.enrol();
    expect((await browser.load("/inbox")).status).toBe(200);
    const reached = site.pages.length;
    site.whoAmI = () => new Response(null, { status: 500 });
    expect((await browser.load("/inbox")).status).toBe(503);
    expect(site.pages).toHaveLength(reached);
  });

  it("INC-20 does not affect public paths", async () => {
    const POLICY = JSON.stringify([{ path: "/public/*", require: "none" }]);
    site.whoAmI = () => new Response(null, { status: 500 });
    const browser = Browser.signedIn("s1", { POLICY });
    expect((await browser.load("/public/style.css")).status).toBe(200);
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("WB-11 gives nothing away of what went wrong", async () => {
    site.whoAmI = () => new Response("secret-of-the-inside", { status: 500 });
    const page = await (await Browser.signedIn("s1").load("/inbox")).text();
    expect(page).not.toContain("secret-of-the-inside");
    expect(page).not.toContain("origin.test");
  });

  it("counts as failed when it names an account without any of ORIGIN_COOKIES: a session could not be bound", async () => {
    site.whoAmI = user("ada");
    const browser = new Browser();
    browser.cookies.set("another", "s1");
    expect((await browser.load("/inbox")).status).toBe(503);
    expect(site.pages).toHaveLength(0);
  });
});

describe("what a who-am-I may say", () => {
  it.each<[string, Site["whoAmI"]]>([
    ["401", () => new Response(null, { status: 401 })],
    ["null for a name", user(null)],
    ["false for a name", user(false)],
    ["an empty name", user("")],
    ["no name", () => Response.json({ user: {} })],
    ["nothing where the name's place begins", () => Response.json({})],
    ["a text where an object should be", () => Response.json({ user: "ada" })],
    ["null", () => Response.json(null)],
  ])("is anonymous with %s", async (_what, answer) => {
    site.whoAmI = answer;
    const response = await Browser.signedIn("s1").load("/inbox");
    expect([response.status, site.lastPage.headers.get("Remote-User")]).toEqual([200, null]);
  });

  it("INC-25 is anonymous with a 403 only where its body has WHOAMI_FORBIDDEN_TEXT", async () => {
    const variables = { WHOAMI_NOBODY: "401,403", WHOAMI_FORBIDDEN_TEXT: "Not signed in" };
    const statusWith = async (body: string | null) => {
      site.whoAmI = () => new Response(body, { status: 403 });
      return (await Browser.signedIn("s1", variables).load("/inbox")).status;
    };
    expect(await statusWith('{"error":"Not signed in"}')).toBe(200);
    const reached = site.pages.length;
    const others = [
      "CSRF Error",
      "",
      null,
      "not signed in",
      `${"x".repeat(70_000)}Not signed in`,
      "\u{FFFD}",
    ];
    for (const body of others)
      expect([body?.slice(0, 20), await statusWith(body)]).toEqual([body?.slice(0, 20), 503]);
    expect(site.pages).toHaveLength(reached);
  });

  it("INC-25 gets the headers of WHOAMI_HEADERS with every credential, whatever the client sends", async () => {
    const WHOAMI_HEADERS = JSON.stringify({
      "X-Requested-With": "XMLHttpRequest",
      Accept: "application/vnd.site+json",
    });
    const browser = Browser.signedIn("s1", { WHOAMI_HEADERS, ORIGIN_CREDENTIALS: "header:X-Token" });
    const headers = {
      "X-Requested-With": "evil",
      Accept: "text/evil",
      "X-Token": "t",
      Authorization: "Basic YQ==",
    };
    await browser.script("/inbox", { headers });
    const sent = site.probes.map(({ headers: probe }) => [
      probe.get("X-Requested-With"),
      probe.get("Accept"),
      ["Cookie", "X-Token", "Authorization"].filter((name) => probe.has(name)).join(),
    ]);
    const fixed = ["XMLHttpRequest", "application/vnd.site+json"];
    expect(sent).toEqual([
      [...fixed, "Cookie"],
      [...fixed, "Authorization"],
      [...fixed, "X-Token"],
    ]);
  });

  it("is anonymous with the statuses of WHOAMI_NOBODY, and with no other", async () => {
    const WHOAMI_NOBODY = "302,404";
    const status = async (nobody: number) => {
      site.whoAmI = () => new Response(null, { status: nobody, headers: { Location: "/login" } });
      return (await Browser.signedIn("s1", { WHOAMI_NOBODY }).load("/inbox")).status;
    };
    expect([await status(302), await status(404)]).toEqual([200, 200]);
    expect([await status(401), await status(403), await status(303), await status(500)]).toEqual([
      503, 503, 503, 503,
    ]);
  });

  it("may name an account by a number, 0 included", async () => {
    for (const id of [0, 17]) {
      site.whoAmI = user(id);
      expect(await Browser.signedIn("s1").redirectOf("/inbox")).toContain("/account/two-factor");
    }
  });

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/vnd.api+json",
    "Application/JSON",
  ])("is JSON that calls itself %s", async (type) => {
    const body = JSON.stringify({ user: { name: "ada" } });
    site.whoAmI = () => new Response(body, { headers: { "Content-Type": type } });
    expect(await Browser.signedIn("s1").redirectOf("/inbox")).toContain("/account/two-factor");
  });

  it("is in a header, where WHOAMI_USER says so, and what the body is does not matter", async () => {
    const overrides = { WHOAMI_USER: "header:X-User-Name", WHOAMI_EMAIL: "header:X-User-Mail" };
    site.whoAmI = () =>
      new Response("<p>", { headers: { "X-User-Name": "Ada", "X-User-Mail": "ada@mail.test" } });
    const browser = Browser.signedIn("s1", overrides);
    await browser.enrol();
    await browser.load("/inbox");
    expect(site.lastPage.headers.get("Remote-User")).toBe("Ada");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("ada@mail.test");
    site.whoAmI = () => new Response("<p>");
    await Browser.signedIn("s1", overrides).load("/inbox");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it("is under names with slashes and tildes in them, and in lists", async () => {
    site.whoAmI = () => Response.json({ "a/b": [{ "~x": "ada" }] });
    const browser = Browser.signedIn("s1", { WHOAMI_USER: "json:/a~1b/0/~0x", WHOAMI_EMAIL: undefined });
    expect(await browser.redirectOf("/inbox")).toContain("/account/two-factor");
  });

  it.each(["json:/constructor/name", "json:/__proto__", "json:/user/toString", "json:/user/name/length"])(
    "is not what every object has: %s",
    async (WHOAMI_USER) => {
      site.whoAmI = () => Response.json({ user: { name: "ada" } });
      const browser = Browser.signedIn("s1", { WHOAMI_USER });
      expect((await browser.load("/inbox")).status).toBe(200);
      expect(site.lastPage.headers.get("Remote-User")).toBeNull();
    },
  );

  it("may be anywhere", async () => {
    const browser = Browser.signedIn("s1", { WHOAMI_URL: "https://id.test/me?full=1" });
    await browser.load("/inbox");
    expect(site.probes.map(({ url }) => url)).toEqual(["https://id.test/me?full=1"]);
  });
});

describe("the question to who-am-I", () => {
  it("INC-24 is one for each credential, with this credential alone and nothing of the Worker's own", async () => {
    const browser = Browser.signedIn("s1", { ORIGIN_CREDENTIALS: "header:X-Api-Key,query:api_key" });
    await browser.enrol();
    browser.cookies.set("sid", "s2");
    browser.cookies.set("theme", "dark");
    browser.cookies.set("__Host-sallyport-pending", "pending_x");
    site.probes.length = 0;
    const headers = { Authorization: "Bearer of-the-site", "X-Api-Key": "k" };
    await browser.load("/inbox?x=1&api_key=%41+b", headers);
    const asked = site.probes.map(({ url, headers }) => [
      new URL(url).search,
      ...["Cookie", "Authorization", "X-Api-Key"].map((name) => headers.get(name)),
    ]);
    expect(asked).toEqual([
      ["", "sid=s2; theme=dark", null, null],
      ["", null, "Bearer of-the-site", null],
      ["", null, null, "k"],
      ["?api_key=%41+b", null, null, null],
    ]);
    for (const probe of site.probes)
      expect([probe.method, probe.redirect, probe.cache]).toEqual(["GET", "manual", "no-store"]);
  });

  it("INC-25 has fixed headers beside the credential, whatever the client sends", async () => {
    const names = [
      ...["Origin", "Referer", "User-Agent", "X-Requested-With", "Accept-Language", "Sec-Fetch-Site"],
      ...[
        "X-Csrf-Token",
        "Forwarded",
        "Via",
        "DNT",
        "X-HTTP-Method-Override",
        "Access-Control-Request-Method",
      ],
    ];
    const forged = Object.fromEntries(names.map((name) => [name, "https://evil.test"]));
    await Browser.signedIn("s1").load("/inbox", { ...forged, "CF-Connecting-IP": "198.51.100.7" });
    expect(site.probes.map(({ headers }) => Object.fromEntries(headers))).toEqual([
      {
        accept: "application/json",
        cookie: "sid=s1",
        "user-agent": "Sallyport",
        "x-forwarded-for": "198.51.100.7",
        "x-forwarded-host": "site.example",
        "x-forwarded-proto": "https",
      },
    ]);
  });

  it.each([
    "Remote-User",
    "remote_user",
    "Remote.User",
    "Remote-Email",
    "X-Sallyport-Assertion",
    "X_Sallyport_Proxy_Key",
    "X-Forwarded-User",
    "X-Forwarded-For",
    "Forwarded",
  ])("INC-08 WB-05 does not have the client's own %s", async (name) => {
    await Browser.signedIn("s1").load("/inbox", { [name]: "root" });
    const [probe] = site.probes;
    expect([...(probe?.headers ?? [])].filter(([, value]) => value.includes("root"))).toEqual([]);
  });

  it("is a GET without the body, range, conditions or upgrade of the request that it is about", async () => {
    const browser = Browser.signedIn("s1");
    await browser.request("/inbox", {
      method: "POST",
      body: "a=1",
      headers: {
        ...pageLoad,
        "Content-Type": "text/plain",
        Range: "bytes=0-9",
        "If-None-Match": '"v1"',
        Upgrade: "websocket",
        "Sec-WebSocket-Key": "x",
      },
    });
    const [probe] = site.probes;
    expect([probe?.method, await probe?.text()]).toEqual(["GET", ""]);
    const names = [...(probe?.headers.keys() ?? [])];
    const others = /^(content-|range|if-|upgrade|sec-websocket)/;
    expect(names.filter((name) => others.test(name))).toEqual([]);
  });
});

describe("the variables of the site's own login", () => {
  const problems = (overrides: Record<string, unknown>): string => {
    try {
      getConfig(environment({ ...originVariables, ...overrides }));
      return "";
    } catch (error) {
      return String(error);
    }
  };

  it.each<[string, string | undefined]>([
    ["WHOAMI_URL", undefined],
    ["WHOAMI_URL", "me"],
    ["WHOAMI_URL", "//evil.example/me"],
    ["WHOAMI_URL", "/\\evil.example/me"],
    ["WHOAMI_URL", "ftp://origin.test/me"],
    ["WHOAMI_USER", undefined],
    ["WHOAMI_USER", "user.name"],
    ["WHOAMI_USER", "json:user"],
    ["WHOAMI_USER", "json:/a~2"],
    ["WHOAMI_USER", "header:a b"],
    ["WHOAMI_NOBODY", "200"],
    ["WHOAMI_NOBODY", "500"],
    ["WHOAMI_NOBODY", "401;403"],
    ["WHOAMI_FORBIDDEN_TEXT", ""],
    // Without 403 in WHOAMI_NOBODY.
    ["WHOAMI_FORBIDDEN_TEXT", "Not signed in"],
    ["WHOAMI_HEADERS", ""],
    ["WHOAMI_HEADERS", "X-Requested-With: XMLHttpRequest"],
    ["WHOAMI_HEADERS", '["X-A"]'],
    ["WHOAMI_HEADERS", '{"X-A":1}'],
    ["WHOAMI_HEADERS", '{"X A":"1"}'],
    ["WHOAMI_HEADERS", '{"X_A":"1"}'],
    ["WHOAMI_HEADERS", '{"":"1"}'],
    ["WHOAMI_HEADERS", '{"X-A":""}'],
    ["WHOAMI_HEADERS", '{"X-A":"a\\nCookie: sid=1"}'],
    ["WHOAMI_HEADERS", '{"X-A":" a"}'],
    ["WHOAMI_HEADERS", '{"X-A":"é"}'],
    ["WHOAMI_HEADERS", '{"X-A":"1","x-a":"2"}'],
    ...[
      ...["Cookie", "cookie", "Authorization", "Proxy-Authorization", "Host", "Connection", "TE", "Upgrade"],
      ...["Transfer-Encoding", "Content-Length", "X-Forwarded-For", "X-Forwarded-Anything", "Forwarded"],
      ...["Remote-User", "X-Sallyport-Assertion", "CF-Connecting-IP", "Sec-Fetch-Site", "Origin"],
    ].map((name): [string, string] => ["WHOAMI_HEADERS", JSON.stringify({ [name]: "1" })]),
    ["ORIGIN_COOKIES", undefined],
    ["ORIGIN_COOKIES", ""],
    ["ORIGIN_COOKIES", "sid,"],
    ["ORIGIN_COOKIES", "a b"],
  ])("are refused when %s is %s", (name, value) => {
    expect(problems({ [name]: value })).toContain(name);
  });

  it("are refused when WHOAMI_HEADERS has a header that carries a credential, in any spelling", () => {
    const WHOAMI_HEADERS = '{"x-api-key":"1"}';
    expect(problems({ WHOAMI_HEADERS })).toBe("");
    expect(problems({ WHOAMI_HEADERS, ORIGIN_CREDENTIALS: "query:x-api-key" })).toBe("");
    expect(problems({ WHOAMI_HEADERS, ORIGIN_CREDENTIALS: "header:X_API-Key" })).toContain("WHOAMI_HEADERS");
  });

  it("LG-04 are named without a value of WHOAMI_HEADERS", () => {
    const problem = problems({ WHOAMI_HEADERS: '{"X-Api-Key":"hush-hush\\n"}' });
    expect([problem.includes("X-Api-Key"), problem.includes("hush")]).toEqual([true, false]);
  });

  it("are refused when a 403 means an anonymous visitor, and no text says which one", () => {
    expect(problems({ WHOAMI_NOBODY: "401,403" })).toContain("WHOAMI_FORBIDDEN_TEXT");
    expect(problems({ WHOAMI_NOBODY: "401,403", WHOAMI_FORBIDDEN_TEXT: "Not signed in" })).toBe("");
  });

  it("are rejected when WHOAMI is a path and there is no origin", () => {
    expect(problems({ ORIGIN_URL: "" })).toContain("WHOAMI_URL");
    expect(problems({ ORIGIN_URL: "", WHOAMI_URL: "https://site.test/me" })).toBe("");
  });
});
