import { beforeEach, describe, expect, it } from "vitest";
import { firstFactors, headersOf, showFirstFactor } from "../support/first-factors.ts";
import { ask, type Endpoint, endpoints, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { type Browser, openSite, type Site } from "../support/origin-site.ts";
import { handshake, takeSockets } from "../support/sockets.ts";

let site: Site;
let sockets: WebSocket[];

useFreshWorker();
beforeEach(() => {
  site = openSite();
  sockets = takeSockets(site);
});

/** The handshake as a proxy asks about it: what belongs to the connection is left out. */
const { Upgrade: _upgrade, Connection: _connection, ...asked } = handshake;

const foreign = [
  "https://evil.example",
  "https://site.example.evil.example",
  "https://evil.example/site.example",
  "https://site.example:8443",
  "https://other.site.example",
  "null",
  "",
  "site.example",
  "file://",
];
const own = ["https://site.example", "http://site.example", "HTTPS://SITE.EXAMPLE"];

/** Each of these alone shows a handshake that a browser sends. */
const signs: Record<string, string>[] = [
  asked,
  { "Sec-WebSocket-Key": asked["Sec-WebSocket-Key"] },
  { "Sec-WebSocket-Version": "13" },
  { "Sec-Fetch-Mode": "websocket" },
  { Upgrade: "WebSocket" },
];

const POLICY = '[{"path":"/public/*","require":"none"}]';
const worlds = firstFactors.flatMap((name) =>
  ["0", "60"].map((SESSION_RECHECK) => [name, SESSION_RECHECK] as const),
);

describe.each(worlds)("with %s as the first factor and SESSION_RECHECK %s", (name, SESSION_RECHECK) => {
  async function inside(): Promise<Browser> {
    const variables = { ORIGIN_URL: "http://origin.test", PROXY_KEY: proxyKey, POLICY, SESSION_RECHECK };
    const browser = await showFirstFactor(name, site, variables);
    await browser.enrol();
    await browser.load("/inside");
    return browser;
  }

  const atGate = (browser: Browser, headers: Record<string, string>, path = "/live") =>
    browser.request(path, { headers: { ...handshake, ...headers } });

  const atEndpoint = (browser: Browser, endpoint: Endpoint, headers: Record<string, string>, uri = "/live") =>
    ask(browser.bindings, endpoint, {
      uri,
      headers: { ...headersOf(browser), "X-Sallyport-Proxy-Key": proxyKey, ...headers },
    });

  it("WB-12 INC-32 another site's page opens no WebSocket as the visitor: at the gate and through both endpoints", async () => {
    const browser = await inside();
    for (const Origin of foreign) {
      const gate = await atGate(browser, { Origin });
      expect([Origin, gate.status, gate.webSocket]).toEqual([Origin, 403, null]);
      expect(await gate.json()).toMatchObject({ code: "csrf_rejected" });
      for (const endpoint of endpoints) {
        for (const sign of signs) {
          const { status, headers } = await atEndpoint(browser, endpoint, { ...sign, Origin });
          expect([Origin, sign, status, headers.get("X-Sallyport-Assertion")]).toEqual([
            Origin,
            sign,
            403,
            null,
          ]);
        }
      }
    }
    expect(sockets).toEqual([]);
  });

  it("WB-12 the site's own page does, and so does a program, which has no Origin", async () => {
    const browser = await inside();
    for (const Origin of own) {
      expect((await atGate(browser, { Origin })).status).toBe(101);
      for (const endpoint of endpoints)
        expect((await atEndpoint(browser, endpoint, { ...asked, Origin })).status).toBe(200);
    }
    const { Origin: _origin, ...program } = asked;
    for (const endpoint of endpoints) expect((await atEndpoint(browser, endpoint, program)).status).toBe(200);
  });

  it("WB-12 the endpoints compare with the host that the visitor asked the proxy for", async () => {
    const browser = await inside();
    for (const endpoint of endpoints) {
      const at = async (Origin: string, more: Record<string, string> = {}) => {
        const headers = { ...asked, Origin, "X-Forwarded-Host": "www.shop.example", ...more };
        return (await atEndpoint(browser, endpoint, headers)).status;
      };
      expect(await at("https://www.shop.example")).toBe(200);
      expect(await at("https://site.example")).toBe(403);
      expect(await at("https://evil.example")).toBe(403);
    }
  });

  it("a page of another site may do what is no handshake, as before: CORS is the site's to decide", async () => {
    const browser = await inside();
    const headers = { Origin: "https://evil.example", "Sec-Fetch-Mode": "cors" };
    expect((await browser.request("/live", { headers })).status).toBe(200);
    for (const endpoint of endpoints) expect((await atEndpoint(browser, endpoint, headers)).status).toBe(200);
  });

  it("a WebSocket without an identity is the site's to decide", async () => {
    const browser = await inside();
    browser.cookies.clear();
    for (const header of Object.keys(browser.added)) delete browser.added[header];
    const Origin = "https://evil.example";
    expect((await atGate(browser, { Origin }, "/public/live")).status).toBe(101);
    for (const endpoint of endpoints) {
      const response = await atEndpoint(browser, endpoint, { ...asked, Origin }, "/public/live");
      expect([response.status, response.headers.get("Remote-User")]).toEqual([200, ""]);
    }
  });
});
