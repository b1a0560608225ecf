import { base64urlnopad } from "@scure/base";
import { beforeEach, describe, expect, it } from "vitest";
import { ask, endpoints, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken } from "../support/gate.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";

// Requests in which the site reads a credential that looks like something else to the Worker. The attacker has the
// victim's first factor, and an account of their own with a second factor.

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("m1", "mallory").set("v1", "victim");
});

const encode = (text: string) => base64urlnopad.encode(new TextEncoder().encode(text));

/** A header that says a session's type in JSON, and not in base64url as the proxies' pattern looks for it. */
const escapedType = `${encode('{"typ":"sallyport\\u002dsession+jwt"}')}.e30.x`;
const apiKey = `sp_${"a2".repeat(8)}_${"x".repeat(43)}`;

const entryPoints = ["gate", ...endpoints] as const;
const settings = entryPoints.flatMap((entryPoint) =>
  (["0", "60"] as const).flatMap((recheck) =>
    (["none", "/login"] as const).map((login) => ({ entryPoint, recheck, login })),
  ),
);

describe.each(settings)("through $entryPoint, SESSION_RECHECK=$recheck, ORIGIN_LOGIN: $login", (setting) => {
  const { entryPoint, recheck, login } = setting;
  const variables = {
    ORIGIN_URL: entryPoint === "gate" ? "http://origin.test" : "",
    WHOAMI_URL: "http://origin.test/me",
    PROXY_KEY: proxyKey,
    SESSION_RECHECK: recheck,
    ...(login === "none" ? {} : { ORIGIN_LOGIN: login }),
  };

  async function send(browser: Browser, headers: Record<string, string>) {
    const response =
      entryPoint === "gate"
        ? await browser.request("/inbox", { headers })
        : await ask(browser.bindings, entryPoint, { headers });
    const text = await response.text();
    const isProblem = response.headers.get("Content-Type")?.includes("json") === true;
    return [response.status, isProblem ? (JSON.parse(text) as { code: string }).code : text];
  }

  /** `/auth-request` knows 401 and 403 only. */
  const ambiguous =
    entryPoint === "/auth-request" ? [403, "ambiguous_credentials"] : [401, "ambiguous_credentials"];

  const anonymous = () => new Browser(variables);

  /** The attacker's own session, fresh. */
  async function mallory() {
    const browser = Browser.signedIn("m1", { ...variables, ORIGIN_URL: "http://origin.test" });
    await browser.enrol();
    const own = [...browser.cookies]
      .filter(([name]) => name !== "sid")
      .map(([name, value]) => `${name}=${value}`);
    const attacker = new Browser(variables);
    const [probes] = [site.probes.length];
    return { attacker, own: own.join("; "), probes };
  }

  describe("Authorization", () => {
    it("INC-23 is refused with a token of Sallyport's beside anything else", async () => {
      const session = await mintSessionToken();
      for (const Authorization of [
        `Bearer v1 ${session}`,
        `Bearer v1, ${session}`,
        `Bearer v1, Bearer ${session}`,
        `Bearer ${session}, Bearer v1`,
        `Bearer ${session} v1`,
        `v1 ${session} `.concat("x"),
        `Bearer\t${session}`,
        `Bearer token="${session}"`,
        `Bearer v1 pending_${session}`,
        "Bearer v1, pending_x",
        "Bearer pending_x",
        `Bearer v1 ${apiKey}`,
        `Basic djE6djE=, Bearer ${apiKey}`,
      ]) {
        expect([Authorization, ...(await send(anonymous(), { Authorization }))]).toEqual([
          Authorization,
          ...ambiguous,
        ]);
      }
      expect([site.probes.length, site.pages.length]).toEqual([0, 0]);
    });

    it("INC-23 is asked about as it came with what only looks like a token of Sallyport's when parsed", async () => {
      for (const Authorization of [`Bearer v1 ${escapedType}`, `Bearer ${escapedType}`]) {
        const before = site.probes.length;
        await send(anonymous(), { Authorization });
        expect(site.probes.slice(before).map(({ headers }) => headers.get("Authorization"))).toEqual([
          Authorization,
        ]);
      }
      const lines = { Authorization: `Bearer v1, ${escapedType}` };
      expect(await send(anonymous(), lines)).toEqual(ambiguous);
    });

    it("INC-23 shows no page of the victim beside the attacker's own session", async () => {
      site.userOf = (request) => {
        const [, bearer] = (request.headers.get("Authorization") ?? "").split(/[ ,]+/);
        return site.sessions.get(bearer ?? site.sessionOf(request) ?? "") ?? null;
      };
      const { attacker, own } = await mallory();
      const Cookie = `sid=m1; ${own}`;
      const [status] = await send(attacker, { Cookie });
      expect(status).toBe(200);
      for (const Authorization of ["Bearer v1", `Bearer v1 ${escapedType}`, `Bearer v1 ${apiKey}`])
        expect((await send(attacker, { Cookie, Authorization }))[0]).toBeGreaterThanOrEqual(401);
    });

    it("INC-32 is not asked about with nothing but a token of Sallyport's", async () => {
      const session = await mintSessionToken();
      for (const token of [session, `pending_${session}`, apiKey])
        await send(anonymous(), { Authorization: `Bearer ${token}` });
      expect(site.probes).toEqual([]);
    });
  });

  describe("Cookie", () => {
    /** A site that reads the victim's session in each of these. */
    const disguises = [
      "a=b sid=v1",
      "a=b\tsid=v1",
      "a=b  sid = v1",
      "a sid=v1",
      "a=b\u00a0sid=v1",
      "a=b\u3000sid=v1",
      'a="b" sid=v1',
      'a="b"sid=v1',
      "a=b\\sid=v1",
      "a=b[sid=v1",
      "a=b, sid=v1",
      "a=b+sid=v1",
      "+sid=v1",
      "\tsid=v1",
      "\u0085sid=v1",
      "sid\u0085=v1",
      "\u001csid=v1",
      "sid\u001f=v1",
      "\u001dsid\u001e=v1",
      "\u00a0sid=v1",
      "\u2003sid=v1",
      "\ufeffsid=v1",
      "\u200bsid=v1",
      "sid\u3000=v1",
      "%20sid=v1",
      "%C2%85sid=v1",
      "%A0sid=v1",
      "a=b%20sid=v1",
      "a=b%3Bsid=v1",
      "a=b %73id=v1",
      'a=b "sid"=v1',
      "a=b SID=v1",
      "a=b sid[0]=v1",
      "a=\u0001",
      "a=b\u2028; c=d",
      "; \u2028a=b",
    ];

    it("INC-23 INC-26 is refused without a question when some server reads the victim's session in it", async () => {
      const { attacker, own } = await mallory();
      const [probes, pages] = [site.probes.length, site.pages.length];
      for (const disguise of disguises)
        for (const Cookie of [
          `${own}; sid=m1; ${disguise}`,
          `${own}; ${disguise}; sid=m1`,
          `${own}; ${disguise}; c=d`,
        ])
          expect([Cookie, ...(await send(attacker, { Cookie }))]).toEqual([Cookie, ...ambiguous]);
      expect([site.probes.length, site.pages.length]).toEqual([probes, pages]);
    });

    const oddCookies = [
      "__Host-sallyport=1 sid=v1",
      "__Hos%74-sallyport=1 sid=v1",
      "__Host-sallyport-pending=1\tsid=v1",
      '__Host-sallyport="1" sid=v1',
      "__host_sallyport=1",
      '"__Host-sallyport"=1',
      "__Host-sallyport =1",
      "__Host-sallyport-more=1",
      "a=b __Host-sallyport=1",
      "__Host-sallyport=a=b",
      "__Host-sallyport=\u00e9",
      "__Host-sallyport",
    ];

    it("INC-23 is refused with a cookie of Sallyport's in another form", async () => {
      for (const odd of oddCookies)
        for (const Cookie of [odd, `sid=v1; ${odd}`, `${odd}; sid=v1`])
          expect([Cookie, ...(await send(anonymous(), { Cookie }))]).toEqual([Cookie, ...ambiguous]);
      expect([site.probes.length, site.pages.length]).toEqual([0, 0]);
    });

    const ordinaryCookies = [
      "theme=dark mode; lang=de, en",
      'prefs={"sid":"x","a":[1,2]}',
      "prefs=%7B%22sid%22%3A%22x%22%7D",
      "back=/login?sid=1&x=2",
      "back=%2Flogin%3Fsid%3D1",
      "utm=a|sid=1.b=2",
      "connect.sid=s%3Ax; x-sid=1; sid2=3; _sid=4; xsid=5",
      "name=J\u00fcrgen M\u00fcller",
      "name=\u65e5\u672c \u8a9e\u3000x",
      'quoted="a b"; t=a=b==',
      "_ga=GA1.2.3.4; XSRF-TOKEN=eyJ%3D%3D",
      "__Secure-x=1; host-sallyport=2",
      "flag",
    ];

    it("leaves a session alone beside ordinary cookies of the site", async () => {
      const { attacker, own } = await mallory();
      for (const ordinary of ordinaryCookies)
        for (const Cookie of [`${ordinary}; sid=m1; ${own}`, `${own}; sid=m1; ${ordinary}`]) {
          const [status] = await send(attacker, { Cookie });
          expect([Cookie, status]).toEqual([Cookie, 200]);
        }
    });

    it("INC-36 is refused in a proxy's question with a byte that is not UTF-8, whatever it belongs to", async () => {
      const { attacker, own } = await mallory();
      const Cookie = `sid=m1; ${own}; a=\uFFFD`;
      const before = site.pages.length;
      if (entryPoint !== "gate") return expect(await send(attacker, { Cookie })).toEqual(ambiguous);
      // The page gets the same text as the who-am-I.
      expect(await send(attacker, { Cookie })).toEqual([200, "hello mallory"]);
      expect(site.pages.slice(before).map(({ headers }) => headers.get("Cookie"))).toEqual([
        "sid=m1; a=\uFFFD",
      ]);
      expect(await send(attacker, { Cookie: `\uFFFDsid=v1; ${own}` })).toEqual(ambiguous);
    });
  });
});
