import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { caddyPatterns } from "../../scripts/examples/caddy.ts";
import { haproxyPatterns } from "../../scripts/examples/haproxy.ts";
import { knownHeaders } from "../../scripts/examples/known-headers.ts";
import { separators } from "../../scripts/examples/name-patterns.ts";
import { nginxClearedHeaders } from "../../scripts/examples/nginx.ts";
import { oddOwnCookie, ownCookieNames } from "../../scripts/examples/own-cookies.ts";
import { dotSegment, plainSegments } from "../../scripts/examples/raw-path.ts";
import { traefikOverridePattern, traefikPattern } from "../../scripts/examples/traefik.ts";
import { foldNameToUnderscores } from "../../src/core/parsing/folded-name.ts";
import { clearedHeaderFamilies } from "../../src/core/policy/cleared-header-names.ts";
import { generateApiKey } from "../../src/core/tokens/api-key.ts";
import { sallyportBearerTokenPatternSource } from "../../src/core/tokens/own-token.ts";
import { signPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import {
  createClearedHeaderTest,
  isMethodOverrideHeader,
  isPlainHeaderName,
} from "../../src/gate/cleared-headers.ts";
import { getConfig } from "../../src/runtime.ts";
import { mintSessionToken } from "../support/gate.ts";
import { signSession } from "../support/session-token.ts";
import { environment } from "../support/worker.ts";

const isClearedHeader = createClearedHeaderTest(getConfig(environment()));

/** The gate, too, drops every name with another character than letters, digits and `-`. */
const isCleared = (name: string) => isClearedHeader(name) || !isPlainHeaderName(name);
const isPlainOverride = (name: string) => isMethodOverrideHeader(name) && isPlainHeaderName(name);

const randomKey = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));

/** As `request_header -pattern` compares. */
function matchesCaddy(name: string, patterns = caddyPatterns): boolean {
  const lower = name.toLowerCase();
  return patterns.some((pattern) => {
    const [, head, text = "", tail] = /^(\*?)(.*?)(\*?)$/.exec(pattern.toLowerCase()) ?? [];
    if (head && tail) return lower.includes(text);
    return tail ? lower.startsWith(text) : lower === pattern.toLowerCase();
  });
}

const haproxy = haproxyPatterns.map((pattern) => new RegExp(pattern));
const matchesHaproxy = (name: string) => haproxy.some((pattern) => pattern.test(name.toLowerCase()));
const traefik = new RegExp(traefikPattern, "i");

/** What an operator takes out of an example with `METHOD_OVERRIDE=pass`: docs/proxies/README.md. */
const isKept = (line: string) => !/x-(http-method|method-override)/i.test(line);

/** Names of the list, of its families, and of nothing, with any separators. */
const anyName = fc
  .tuple(
    fc.constantFrom(
      ...knownHeaders.map(foldNameToUnderscores),
      ...clearedHeaderFamilies,
      ...clearedHeaderFamilies.map((family) => `${family}_other`),
      ...["x_csrf_token", "x_users", "remoteness", "x_http_methods", "content_type", "x_forwardedfor"],
    ),
    fc.array(fc.constantFrom(...separators), { minLength: 1, maxLength: 5 }),
  )
  .map(([folded, chosen]) => {
    let turn = 0;
    return folded.replace(/_/g, () => chosen[turn++ % chosen.length] ?? "-");
  });

/** Headers of browsers and of applications, some of which have a word of a cleared name in them. */
const ordinary = [
  "Accept",
  "Access-Control-Request-Method",
  "Access-Control-Request-Headers",
  "Authorization",
  "Cookie",
  "Content-Type",
  "If-None-Match",
  "Origin",
  "Range",
  "Referer",
  "Sec-WebSocket-Key",
  "Sec-Fetch-Mode",
  "User-Agent",
  "X-Api-Key",
  "X-Auth-Token",
  "X-CSRF-Token",
  "X-Request-Id",
  "X-User-Id",
  "X-User-Agent",
  "X-Auth-Key",
  "X-Access-Token",
  "X-Requested-With",
  "X-My-Original-Name",
  "Proxy-Authorization",
  "CF-Connecting-IP",
  "CF-Ray",
];

describe("the patterns of the proxies' examples", () => {
  it("INC-35 INC-26 HAProxy clears exactly what the gate clears", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect([name, matchesHaproxy(name)]).toEqual([name, isCleared(name)]);
      }),
    );
  });

  it("INC-35 INC-26 Caddy clears exactly what the gate clears", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect([name, matchesCaddy(name)]).toEqual([name, isCleared(name)]);
      }),
    );
    expect(ordinary.filter((name) => matchesCaddy(name))).toEqual([]);
  });

  it("INC-35 INC-26 Traefik clears what the gate clears, but for what it sets itself and names that no list has", () => {
    const sets = /^x-forwarded-(for|host|port|proto|server)$/i;
    const isUnlisted = (name: string) => /^x-forwarded-[a-z-]+$/i.test(name) && !isKnown(name);
    const isKnown = (name: string) =>
      knownHeaders.some((known) => foldNameToUnderscores(known) === foldNameToUnderscores(name));
    fc.assert(
      fc.property(anyName, (name) => {
        const expected = isCleared(name) && !sets.test(name) && !isUnlisted(name);
        expect([name, traefik.test(name)]).toEqual([name, expected]);
      }),
    );
  });

  it("INC-31 pass method overrides, and nothing else, without the lines that the guide names", () => {
    const [odd = "", families = "", names = "", ...overrides] = haproxyPatterns;
    expect(overrides).toHaveLength(1);
    const keptByHaproxy = [odd, families, names].map((pattern) => new RegExp(pattern));
    expect(traefikPattern.endsWith(`|${traefikOverridePattern}`)).toBe(true);
    const keptByTraefik = new RegExp(traefikPattern.slice(0, -traefikOverridePattern.length - 1), "i");
    const keptByCaddy = caddyPatterns.filter(isKept);
    fc.assert(
      fc.property(anyName, (name) => {
        const matches = keptByHaproxy.some((pattern) => pattern.test(name.toLowerCase()));
        expect([name, matches]).toEqual([name, isCleared(name) && !isPlainOverride(name)]);
        expect(keptByTraefik.test(name)).toBe(traefik.test(name) && !isPlainOverride(name));
        if (isCleared(name)) expect(matchesCaddy(name, keptByCaddy)).toBe(!isPlainOverride(name));
      }),
    );
    const lines = nginxClearedHeaders().split("\n");
    expect(lines.filter((line) => !isKept(line)).map((line) => line.split(/ +/)[1])).toEqual([
      "X-HTTP-Method-Override",
      "X-HTTP-Method",
      "X-Method-Override",
    ]);
  });

  it("INC-26 INC-32 know a cookie of Sallyport's in every escaped spelling, and no other", () => {
    const pattern = new RegExp(oddOwnCookie, "i");
    const escapeOnce = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`;
    const escapes = [(it: string) => it, escapeOnce, (it: string) => escapeOnce(it).replace("%", "%25")];
    fc.assert(
      fc.property(
        fc.constantFrom(...ownCookieNames),
        fc.array(fc.constantFrom(...escapes), { minLength: 1, maxLength: 9 }),
        (name, chosen) => {
          const spelled = [...name].map((letter, at) => chosen[at % chosen.length]?.(letter)).join("");
          expect([spelled, pattern.test(`a=1; ${spelled}=x`)]).toEqual([spelled, true]);
        },
      ),
    );
    for (const other of ["a%5B1%5D=1", "host=1; sallyport=2", "ghostsallyport=1", "__Host-sally=port"])
      expect(pattern.test(other), other).toBe(false);
  });

  it("INC-32 know each token of Sallyport's, and no other", async () => {
    const { keyring } = getConfig(environment());
    const now = new Date();
    const claims = {
      sessionSecret: "s".repeat(43),
      username: "ada",
      expiresAt: new Date(now.getTime() + 60_000),
    };
    const pattern = new RegExp(sallyportBearerTokenPatternSource);
    const own = [
      await mintSessionToken(),
      await signPendingSessionToken(keyring, claims, now),
      (await generateApiKey(keyring)).key,
    ];
    for (const token of own)
      for (const scheme of ["Bearer ", "bearer  ", "Token ", "X,"])
        expect(pattern.test(scheme + token), scheme + token).toBe(true);
    const others = [
      "Basic YTpi",
      "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln",
      "Bearer spending_1",
    ];
    for (const other of others) expect(pattern.test(other), other).toBe(false);
  });

  it("INC-32 know a session's token under a key with any id", async () => {
    for (const kid of ["k", "k1", "k12", "key-2026"]) {
      const { keyring } = getConfig(environment({ KEYRING: `${kid}:${randomKey()}` }));
      const token = await signSession(keyring, { userId: "u", email: null, amr: [], sessionSecret: "s" });
      expect(new RegExp(sallyportBearerTokenPatternSource).test(`Bearer ${token}`), kid).toBe(true);
    }
  });

  it.each([
    ["/sign-in", true],
    ["/v1/users/a%2Fb%20c/totp", true],
    ["/v1/users/o'hara@example.com", true],
    ["/.well-known/jwks.json", true],
    ["/x\\..\\auth-request", false],
    ["//auth-request", false],
    ["/./auth-request", false],
    ["/x/../auth-request", false],
    ["/x/%2e%2E/auth-request", false],
    ["/.%2e/auth-request", false],
    ["/x/..", false],
    ["/%zz", false],
    ["/a b", false],
    ["/caf\u00e9", false],
  ])("INC-34 the path %j below BASE_PATH is passed on: %j", (path, passed) => {
    const isPlain = new RegExp(`^${plainSegments}$`).test(path);
    expect(isPlain && !new RegExp(dotSegment()).test(path)).toBe(passed);
  });
});
