import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { disguised, hostileText } from "../support/arbitrary-paths.ts";
import { ask, asked, endpoints } from "../support/forward-auth.ts";
import { type FakeOrigin, gated, mockOrigin } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { rawRequest } from "../support/raw-request.ts";
import { findServerThatOpens } from "../support/servers.ts";
import { base, environment, send } from "../support/worker.ts";

beforeEach(() => void collectLogLines());
afterEach(() => vi.restoreAllMocks());

/** Routes that answer 200, 303 or 403 to a stranger, and never 404. */
const routes = [
  "/sign-in",
  "/health",
  "/.well-known/jwks.json",
  "/assets/sallyport.css",
  "/account",
  "/auth-request",
];

const route = fc.constantFrom(...routes);
const words = ["api", "auth", "/api/auth", "/api/auth/", "sign-in", "auth-request", ".well-known", "/x/.."];

/** Targets of requests: routes in disguise, hostile text around the prefix, and the routes as they are. */
const target = fc.oneof(
  { weight: 4, arbitrary: route.chain((path) => disguised(base + path).map(({ text }) => text)) },
  { weight: 2, arbitrary: hostileText(...words).map((text) => `/${text}`) },
  { weight: 2, arbitrary: hostileText(...words).map((text) => `${base}/${text}`) },
  { weight: 1, arbitrary: route.map((path) => base + path) },
);

/** The runtime refuses bytes below 0x21, above 0x7e and a few more in a target before the Worker sees it. */
const sendable = (text: string) =>
  text.replace(/[^!-~]/g, (character) => encodeURIComponent(character.toWellFormed()));

const pathOf = (text: string) => text.split(/[?#]/, 1)[0] ?? "";

const isRoute = (path: string) => routes.some((name) => path === base + name);

/** `/api/auth` itself leads to the account, and a path with a slash at its end may lead to the one without. */
function refusalsOf(path: string): number[] {
  if (path === base || path === `${base}/`) return [303];
  return path.startsWith(`${base}/`) && path.endsWith("/") ? [308, 400, 404] : [400, 404];
}

const open = () => gated([{ path: "/*", require: "none" }], { PROXY_KEY: undefined });

describe("whatever path a client sends", () => {
  it("INC-34 a route of ours responds to its exact raw path only, and the origin gets no path below the prefix in any reading", async () => {
    const origin: FakeOrigin = mockOrigin();
    const bindings = open();
    const seen = { own: 0, origin: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(target.map(sendable), async (text) => {
        const before = origin.requests.length;
        const response = await send(rawRequest(text), bindings);
        const { status } = response;
        const path = pathOf(text);
        const isOwn = isRoute(path) && path !== `${base}/auth-request`;
        if (origin.requests.length > before) {
          seen.origin += 1;
          expect([text, findServerThatOpens(path, base)]).toEqual([text, null]);
        } else if (isOwn) {
          seen.own += 1;
          expect([text, status]).toEqual([text, path === `${base}/account` ? 303 : 200]);
        } else {
          seen.refused += 1;
          expect([text, refusalsOf(path)]).toEqual([text, expect.arrayContaining([status])]);
          if (status === 308) expect(pathOf(response.headers.get("Location") ?? "")).toBe(path.slice(0, -1));
        }
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(seen.own, seen.origin, seen.refused)).toBeGreaterThan(100);
  });

  it("INC-34 without a gate a route of ours responds to its exact raw path only", async () => {
    const bindings = environment({ ORIGIN_URL: "" });
    let own = 0;
    await fc.assert(
      fc.asyncProperty(target.map(sendable), async (text) => {
        const response = await send(rawRequest(text), bindings);
        const { status } = response;
        const path = pathOf(text);
        if (path === base || path === `${base}/`) return;
        if (isRoute(path)) own += 1;
        if (status === 308) expect(pathOf(response.headers.get("Location") ?? "")).toBe(path.slice(0, -1));
        else expect([text, status === 404]).toEqual([text, !isRoute(path)]);
      }),
      { numRuns: 3000 },
    );
    expect(own).toBeGreaterThan(100);
  });

  it("INC-34 no proxy is told to pass a path below the prefix to the site, in any reading", async () => {
    const bindings = asked([{ path: "/*", require: "none" }]);
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(target.map(sendable), fc.constantFrom(...endpoints), async (text, endpoint) => {
        const { status } = await ask(bindings, endpoint, { uri: text });
        if (status !== 200) return;
        passed += 1;
        expect([text, findServerThatOpens(pathOf(text), base)]).toEqual([text, null]);
      }),
      { numRuns: 2000 },
    );
    expect(passed).toBeGreaterThan(100);
  });
});
