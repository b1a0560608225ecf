import { beforeEach, describe, expect, it } from "vitest";
import { ask, endpoints, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, originVariables, type Site } from "../support/origin-site.ts";
import { environment } from "../support/worker.ts";

let site: Site;
useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("m1", "mallory").set("v1", "victim");
  // A servlet container, which reads the cookie first, or the path first.
  site.userOf = (request) => site.sessions.get(inPath(request) ?? site.sessionOf(request) ?? "") ?? null;
});

const inPath = ({ url }: Request) => /;(?:jsessionid|sid)=([^;/?]*)/i.exec(decodeURIComponent(url))?.[1];

const sessionsInPath = [
  "/inbox;jsessionid=v1",
  "/inbox;JSESSIONID=v1",
  "/inbox;jsessionid=v1/",
  "/in;jsessionid=v1/box",
  "/inbox;a=b;jsessionid=v1",
  "/inbox;a;jsessionid=v1?q=1",
  "/inbox%3bjsessionid=v1",
  "/inbox%3Bjsessionid%3dv1",
  "/inbox%253bjsessionid=v1",
  "/inbox;%6asessionid=v1",
  "/inbox;jsession%2569d=v1",
  "/inbox;sid=v1",
  "/inbox;SID=v1",
  "/inbox;access-token=v1",
  "/(S(v1))/inbox",
  "/app/(s(v1))/inbox",
  "/(X(1)S(v1)F(abc))/inbox",
  "/%28S(v1))/inbox",
  "/x/%2e%2e%2f(S(v1))/inbox",
];

const settings = ["0", "60"].flatMap((SESSION_RECHECK) =>
  [{}, { ORIGIN_LOGIN: "/login" }].map((login) => ({ SESSION_RECHECK, ...login })),
);

describe.each(settings)("a session in the path, with %j", (setting) => {
  const variables = { ...setting, ORIGIN_CREDENTIALS: "query:access_token" };
  const proxied = { ...originVariables, ...variables, ORIGIN_URL: "", WHOAMI_URL: "http://origin.test/me" };
  const asked = () => environment({ ...proxied, PROXY_KEY: proxyKey });

  it.each(sessionsInPath)("INC-24 is refused at the gate without a cookie: %s", async (path) => {
    const response = await new Browser(variables).script(path);
    expect([response.status, await response.json()]).toMatchObject([401, { code: "ambiguous_credentials" }]);
    expect(site.pages).toEqual([]);
  });

  it.each(sessionsInPath)("INC-24 is refused at the gate beside a session of one's own: %s", async (path) => {
    const browser = Browser.signedIn("m1", variables);
    await browser.enrol();
    expect((await browser.script("/inbox")).status).toBe(200);
    const before = site.pages.length;
    expect((await browser.script(path)).status).toBe(401);
    expect(site.pages.slice(before)).toEqual([]);
  });

  it.each(endpoints)("INC-24 is refused by %s, alone and beside a cookie", async (endpoint) => {
    for (const uri of sessionsInPath)
      for (const headers of [{}, { Cookie: "sid=m1" }]) {
        const { status } = await ask(asked(), endpoint, { uri, headers });
        expect([uri, status]).toEqual([uri, endpoint === "/auth-request" ? 403 : 401]);
      }
  });

  it.each(["/inbox;sid=m1", "/inbox;SID=m1", "/inbox;v=2;a", "/inbox;jsessionids=v1", "/a(S(b))/c"])(
    "is not meant by %s beside the cookie with the same value",
    async (path) => {
      const browser = Browser.signedIn("m1", variables);
      await browser.enrol();
      const response = await browser.script(path);
      expect([response.status, await response.text()]).toEqual([200, "hello mallory"]);
    },
  );

  it("INC-24 another session in the path is refused even where the cookie's is there as well", async () => {
    const browser = Browser.signedIn("m1", variables);
    await browser.enrol();
    for (const path of ["/inbox;sid=m1;sid=v1", "/inbox;sid=v1;sid=m1", "/in;sid=m1/box;jsessionid=v1"])
      expect((await browser.script(path)).status).toBe(401);
  });
});

it("a path that no rule closes is open with a session in it, and names no account", async () => {
  const POLICY = JSON.stringify([{ path: "/open/*", require: "none" }]);
  const response = await new Browser({ POLICY }).script("/open/page;jsessionid=v1");
  expect(response.status).toBe(200);
  expect(site.lastPage.headers.get("Remote-User")).toBeNull();
});
