import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { disguised, hostileText } from "../support/arbitrary-paths.ts";
import { asked, askWith, type Endpoint, endpoints, page } from "../support/forward-auth.ts";
import { mintSessionToken, type Rule } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { servers } from "../support/servers.ts";

beforeEach(() => void collectLogLines());
afterEach(() => vi.restoreAllMocks());

const policy: readonly Rule[] = [{ path: "/public/*", require: "none" }];
const closed = asked([]);
const open = asked(policy);

const text = hostileText("/public", "/public/", "/admin", "admin", "https://site.example", ", ", "GET");
const uri = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 3, arbitrary: text.map((more) => `/public/${more}`) },
  { weight: 1, arbitrary: text.map((more) => `https://site.example/public/${more}`) },
  { weight: 1, arbitrary: disguised("/admin/secret").map((disguise) => disguise.text) },
  { weight: 1, arbitrary: fc.constantFrom("/public/x", "/public/y?z=1", "/admin", "") },
);
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("GET", "get", "HEAD", "POST", "OPTIONS", "PROPFIND") },
  { weight: 1, arbitrary: fc.constantFrom("", "GET, POST", "G ET", "GET /", "*", "NONE") },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const other = fc.dictionary(
  fc.constantFrom(
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "X-Rewrite-URL",
    "X-Original-URI",
    "X_Forwarded_Uri",
    "X-HTTP-Method-Override",
    "Authorization",
    "Cookie",
    "User-Agent",
    "Accept",
    "Remote-User",
    "X-Sallyport-Assertion",
    "X-Sallyport-Proxy-Key",
    "Sec-Fetch-Mode",
    "Referer",
  ),
  fc.oneof(
    text,
    fc.constantFrom("text/html", "navigate", "__Host-sallyport=x", "Bearer x", "GoogleHC/1.0", "*"),
  ),
  { maxKeys: 5 },
);

/** What a proxy and a client together may say. */
const question = fc.record({
  endpoint: fc.constantFrom<Endpoint>(...endpoints),
  forwardedMethod: maybe(method),
  forwardedUri: maybe(uri),
  originalMethod: maybe(method),
  originalUrl: maybe(uri),
  browser: fc.boolean(),
  other,
});

type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

/** The headers, without those values that can't be sent. */
function headersOf(asking: Question): Headers {
  const { forwardedMethod, forwardedUri, originalMethod, originalUrl, other, browser } = asking;
  const headers = new Headers(browser ? page : {});
  const named = {
    "X-Forwarded-Method": forwardedMethod,
    "X-Forwarded-Uri": forwardedUri,
    "X-Original-Method": originalMethod,
    "X-Original-URL": originalUrl,
    ...other,
  };
  for (const [name, value] of Object.entries(named)) {
    if (value !== undefined) headers.set(name, value.replace(/[^\t -~\u0080-\u00ff]/g, ""));
  }
  return headers;
}

/** Is this, as some server reads it, an address below /public? */
function isPublic(address: string): boolean {
  const path = address.replace(/^https?:\/\/[^/?#\\]+(?=\/)/i, "").split("?", 1)[0] ?? "";
  return Object.values(servers).every((server) => {
    const resource = server(path);
    return resource === null || /^\/public(\/|$)/i.test(resource);
  });
}

describe("whatever stands in the headers of a question", () => {
  it("INC-01 INC-03 INC-06 no request without a session passes where every path requires a second factor", async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(question, async (asking) => {
        const { status, headers } = await askWith(closed, asking.endpoint, headersOf(asking));
        seen.add(status);
        expect(asking.endpoint === "/auth-request" ? [401, 403] : [303, 401, 403]).toContain(status);
        expect(headers.get("Remote-User")).toBeNull();
      }),
      { numRuns: 2000 },
    );
    expect([...seen].sort()).toEqual([303, 401, 403]);
  });

  it("INC-04 INC-05 a request without a session passes to public paths only, with any header of a proxy", async () => {
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(question, async (asking) => {
        const headers = headersOf(asking);
        const response = await askWith(open, asking.endpoint, headers);
        if (response.status !== 200) return;
        passed += 1;
        expect(response.headers.get("Remote-User")).toBe("");
        for (const name of ["X-Forwarded-Uri", "X-Original-URL"]) {
          const address = headers.get(name) || "/public";
          expect([address, isPublic(address)]).toEqual([address, true]);
        }
      }),
      { numRuns: 3000 },
    );
    expect(passed).toBeGreaterThan(50);
  });

  it("INC-02 a request with a session is named, or does not pass", async () => {
    const Cookie = `__Host-sallyport=${await mintSessionToken()}`;
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(question, async (asking) => {
        const headers = headersOf(asking);
        headers.delete("Authorization");
        headers.set("Cookie", Cookie);
        const response = await askWith(closed, asking.endpoint, headers);
        expect([200, 403]).toContain(response.status);
        if (response.status !== 200) return;
        passed += 1;
        expect(response.headers.get("Remote-User")).toBe("ada");
      }),
      { numRuns: 4000 },
    );
    expect(passed).toBeGreaterThan(50);
  });
});
