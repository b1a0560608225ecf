import { createLocalJWKSet, decodeJwt, type JSONWebKeySet } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkAssertion } from "../../examples/demo-origin/assertion.ts";
import { listEntryPoints, statusesAt, type Visited } from "../support/entry-points.ts";
import { endpoints } from "../support/forward-auth.ts";
import { type FakeOrigin, mintSessionToken, mockOrigin, originUrl, type Rule } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { base, host, send } from "../support/worker.ts";

let origin: FakeOrigin;
beforeEach(() => {
  collectLogLines();
  origin = mockOrigin();
});
afterEach(() => vi.restoreAllMocks());

const rules: readonly Rule[] = [
  { path: "/admin/*", require: "second_factor" },
  { path: "/posts/*", methods: ["PUT", "DELETE"], require: "second_factor" },
  { path: "/files/*", methods: ["COPY", "GET"], require: "first_factor" },
  { path: "/*", require: "first_factor" },
];

const form = { method: "POST", body: "a=b" };
const copyTo = (destination: string) => ({ method: "COPY", headers: { Destination: destination } });

/** A request that needs the second factor in another meaning than its own, and the rule for the request itself. */
const requests: readonly (readonly [string, Visited, string, readonly string[] | undefined])[] = [
  ["/posts/1", form, "/", undefined],
  ["/posts/1?_method=DELETE", {}, "/", undefined],
  ["/admin.json", {}, "/", undefined],
  ["/index.php/admin/x", {}, "/", undefined],
  ["/x", copyTo("/admin/x"), "/", undefined],
  ["/files/a", copyTo("/admin/x"), "/files/", ["COPY", "GET"]],
  ["/admin/a", copyTo("/x"), "/admin/", undefined],
  ["/posts/1", { method: "DELETE" }, "/posts/", ["PUT", "DELETE"]],
];

/** The check of the demo origin, for the gate and for a proxy's site. */
async function originCheck() {
  const response = await send(new Request(`${host}${base}/.well-known/jwks.json`));
  const keys = createLocalJWKSet(await response.json<JSONWebKeySet>());
  return (token: string, audience: string, asked: Parameters<typeof checkAssertion>[3]) =>
    checkAssertion(token, keys, { issuers: [`${host}${base}`], audience, hosts: ["site.example"] }, asked);
}

describe("the assertion for a request that may mean more than it says", () => {
  it.each(requests)(
    "INC-28 INC-31 covers the request itself: %s",
    async (path, visited, pathPrefix, methods) => {
      const check = await originCheck();
      const session = await mintSessionToken();
      for (const { name, request } of listEntryPoints(rules)) {
        const response = await request(path, { ...visited, session });
        expect([name, response.status]).toEqual([name, 200]);
        const carrier = name === "the gate" ? origin.only() : response;
        const assertion = carrier.headers.get("X-Sallyport-Assertion") ?? "";
        const claims = decodeJwt(assertion);
        expect([claims.path, claims.methods]).toEqual([pathPrefix, methods]);
        const asked = { method: visited.method ?? "GET", path: path.split("?", 1)[0] ?? "" };
        const audience = name === "the gate" ? originUrl : host;
        expect(await check(assertion, audience, { ...asked, level: "second_factor" })).toMatchObject({
          ok: true,
        });
      }
    },
  );

  it.each(requests)("INC-28 INC-31 is not made for a session with less: %s", async (path, visited) => {
    const session = await mintSessionToken({ amr: ["pwd"], secondFactorAt: null });
    const entryPoints = listEntryPoints(rules);
    const refused = Object.fromEntries(["the gate", ...endpoints].map((name) => [name, 401]));
    expect(await statusesAt(entryPoints, path, { ...visited, session })).toEqual(refused);
    expect(origin.requests).toEqual([]);
  });
});
