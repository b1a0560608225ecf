import { beforeEach, describe, expect, it } from "vitest";
import { everywhere, listEntryPoints, statusesAt, type Visited } from "../support/entry-points.ts";
import { jwtHeader, mockProvider } from "../support/first-factors.ts";
import { proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import type { Rule } from "../support/gate.ts";
import { openSite, originVariables, type Site } from "../support/origin-site.ts";
import { Client, createAccount, type Overrides } from "../support/worker.ts";

let site: Site;
useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada");
});

/** The variables of the Worker and the headers of a visitor with a first factor and without a second one. */
interface Visitor {
  readonly variables: Overrides;
  readonly headers: Record<string, string>;
}

const firstFactors: Readonly<Record<string, () => Promise<Visitor>>> = {
  password: async () => {
    const { json } = await new Client().login(await createAccount());
    return { variables: {}, headers: { Authorization: `Bearer ${json.session_token}` } };
  },
  origin: async () => ({
    variables: { ...originVariables, WHOAMI_URL: "http://origin.test/me" },
    headers: { Cookie: "sid=s1" },
  }),
  "origin with ORIGIN_LOGIN": async () => ({
    variables: { ...originVariables, WHOAMI_URL: "http://origin.test/me", ORIGIN_LOGIN: "/login" },
    headers: { Cookie: "sid=s1" },
  }),
  jwt: async () => {
    const provider = await mockProvider(site);
    return { variables: provider.variables, headers: { [jwtHeader]: await provider.token() } };
  },
  proxy: async () => ({
    variables: { FIRST_FACTOR: "proxy" },
    headers: { "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "ada" },
  }),
};

/** The last rule is weaker than the others, which is what the warning at the start is about. */
const policy: readonly Rule[] = [
  { path: "/admin/*", require: "second_factor" },
  { path: "/settings", require: "second_factor" },
  { path: "/posts/*", methods: ["DELETE"], require: "second_factor" },
  { path: "/*", require: "first_factor" },
];

const form = { method: "POST", body: "a=b" };

const disguised: readonly (readonly [string, Visited?])[] = [
  ["/admin.json"],
  ["/admin.php/x"],
  ["/index.php/admin/x"],
  ["/public/\u2025%2fadmin"],
  ["/public/%EF%BC%8E%EF%BC%8E%EF%BC%8Fadmin"],
  ["/public%C2%A5admin/..%C2%A5..%C2%A5admin"],
  ["/%C4%85dmin/x"],
  ["/admin::$DATA"],
  ["/settings/"],
  ["/settings/index.html"],
  ["/posts/1", form],
  ["/posts/1?_method=DELETE"],
  ["/posts/1?_method=DELETE", form],
  ["/x", { method: "COPY", headers: { Destination: "/admin/x" } }],
  ["/admin", { method: "MOVE", headers: { Destination: "/x" } }],
  ["/posts/1", { method: "MOVE", headers: { Destination: "/x" } }],
];

describe.each(Object.entries(firstFactors))(
  "a visitor with a first factor of %s and no second one",
  (_, show) => {
    it.each(["0", "60"])(
      "INC-31 gets nothing that needs the second one by another spelling, with SESSION_RECHECK=%s",
      async (SESSION_RECHECK) => {
        const { variables, headers } = await show();
        const entryPoints = listEntryPoints(policy, { ...variables, SESSION_RECHECK, PROXY_KEY: proxyKey });
        const get = (path: string, visited: Visited = {}) =>
          statusesAt(entryPoints, path, { ...visited, headers: { ...visited.headers, ...headers } });
        for (const path of ["/blog", "/blog.json", "/index.php/blog", "/posts/1"])
          expect([path, await get(path)]).toEqual([path, everywhere(200)]);
        const reached = site.pages.length;
        for (const [path, visited] of disguised)
          expect([path, visited, await get(path, visited)]).toEqual([path, visited, everywhere(401)]);
        expect(site.pages).toHaveLength(reached);
      },
    );
  },
);
