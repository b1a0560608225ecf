import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import example from "../../.dev.vars.example?raw";
import { type ConfigProblem, parseConfig } from "../../src/config/config.ts";
import worker from "../../src/index.ts";
import { mockOrigin } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { environment, host, send } from "../support/worker.ts";

afterEach(() => vi.restoreAllMocks());

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const randomKey = (bytes = 32) => base64(crypto.getRandomValues(new Uint8Array(bytes)));
const secrets = { KEYRING: `k1:${randomKey()}`, ADMIN_KEY: randomKey(24) };

function configOf(variables: Record<string, unknown> = {}) {
  const parsed = parseConfig({ ...secrets, ...variables });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

function problemsOf(variables: Record<string, unknown>) {
  const parsed = parseConfig({ ...secrets, ...variables });
  return parsed.ok ? [] : parsed.problems;
}

const exportKey = randomKey(24);

const namesOf = (problems: readonly ConfigProblem[]) => [...new Set(problems.map(({ name }) => name))];

/** The values of the example, by their names. */
const exampleValues = Object.fromEntries(
  [...example.matchAll(/^([A-Z_]+)="?(.*?)"?$/gm)].map(([, name = "", value = ""]) => [name, value]),
);

describe("the configuration", () => {
  it("needs two secrets, and has a default for everything else", () => {
    const config = configOf();
    expect(config).toEqual({
      keyring: expect.objectContaining({ currentKid: "k1", kids: ["k1"] }),
      adminKey: secrets.ADMIN_KEY,
      exportKey: null,
      adminUsers: new Set(),
      basePath: "/api/auth",
      originUrl: null,
      originHost: "forward",
      dropHeaders: { names: new Set(), families: new Set() },
      keepHeaders: new Set(),
      firstFactor: { kind: "password", names: "exact" },
      proxyKey: null,
      publicUrl: null,
      issuer: "Sallyport",
      enrolment: "required",
      policy: [],
      methodOverride: "drop",
      sessionMaxAgeSeconds: 43_200,
      sessionIdleSeconds: 3_600,
      sessionRecheckSeconds: 60,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("takes no notice of bindings and variables that it does not know", () => {
    expect(configOf({ DB: {}, BLOCKS: {}, SOMETHING_ELSE: "x" })).toEqual(
      expect.objectContaining({ basePath: "/api/auth" }),
    );
  });

  it.each([
    [
      "KEYRING",
      `k2:${randomKey()}, k1:${randomKey()}`,
      { keyring: expect.objectContaining({ kids: ["k2", "k1"] }) },
    ],
    ["EXPORT_KEY", exportKey, { exportKey }],
    ["ADMIN_USERS", "", { adminUsers: new Set() }],
    ["ADMIN_USERS", " Ada , bob,ＣＡＲＯＬ, ", { adminUsers: new Set(["ada", "bob", "carol"]) }],
    ["BASE_PATH", "/door", { basePath: "/door" }],
    ["BASE_PATH", "/a-b/c_d/~e.f", { basePath: "/a-b/c_d/~e.f" }],
    ["ORIGIN_URL", "", { originUrl: null, originHost: "forward" }],
    ["ORIGIN_URL", "route", { originUrl: "route", originHost: "forward" }],
    ["ORIGIN_URL", "http://127.0.0.1:8788", { originUrl: "http://127.0.0.1:8788", originHost: "origin" }],
    ["ORIGIN_HOST", "forward", { originHost: "forward" }],
    ["ORIGIN_HOST", "origin", { originHost: "origin" }],
    [
      "DROP_HEADERS",
      " X-Tenant, x-acme-*,",
      { dropHeaders: { names: new Set(["x_tenant"]), families: new Set(["x_acme"]) } },
    ],
    [
      "KEEP_HEADERS",
      "X-Auth-User,Cf-Access-Client-Id",
      { keepHeaders: new Set(["x_auth_user", "cf_access_client_id"]) },
    ],
    ["ORIGIN_URL", "https://Origin.Example/", { originUrl: "https://origin.example" }],
    ["ISSUER", " ACME Gerät ", { issuer: "ACME Gerät" }],
    ["FIRST_FACTOR", "password", {}],
    ["ENROLMENT", "optional", { enrolment: "optional" }],
    ["SIGN_UP", "closed", {}],
    [
      "POLICY",
      '[{"path":"/a","require":"none"}]',
      { policy: [expect.objectContaining({ written: { path: "/a", stem: "/a" } })] },
    ],
    [
      "POLICY",
      [{ path: "/a", require: "none" }],
      { policy: [expect.objectContaining({ written: { path: "/a", stem: "/a" } })] },
    ],
    ["METHOD_OVERRIDE", "pass", { methodOverride: "pass" }],
    ["METHOD_OVERRIDE", "never", { methodOverride: "never" }],
    ["SESSION_MAX_AGE", "86400", { sessionMaxAgeSeconds: 86_400 }],
    ["SESSION_IDLE", 600, { sessionIdleSeconds: 600 }],
    ["SESSION_RECHECK", "0", { sessionRecheckSeconds: 0 }],
    ["SESSION_RECHECK", 3600, { sessionRecheckSeconds: 3600 }],
  ])("takes %s = %j", (name, value, expected) => {
    expect(configOf({ [name]: value })).toMatchObject(expected);
  });

  const bad: [name: string, value: unknown, message: RegExp][] = [
    ["KEYRING", undefined, /must be set/],
    ["KEYRING", 7, /must be set/],
    ["KEYRING", "", /id:base64 of 32 bytes/],
    ["KEYRING", "k1", /id:base64 of 32 bytes/],
    ["KEYRING", "k1:", /id:base64 of 32 bytes/],
    ["KEYRING", `k 1:${randomKey()}`, /id:base64 of 32 bytes/],
    ["KEYRING", `${"k".repeat(33)}:${randomKey()}`, /id:base64 of 32 bytes/],
    ["KEYRING", "k1:not base64 at all", /not base64/],
    ["KEYRING", `k1:${randomKey(16)}`, /16 bytes instead of 32/],
    ["KEYRING", `k1:${randomKey(31)}`, /31 bytes instead of 32/],
    ["KEYRING", `k1:${randomKey(33)}`, /33 bytes instead of 32/],
    ["KEYRING", `k1:${randomKey()},k1:${randomKey()}`, /key 2: the id "k1" occurs twice/],
    ["KEYRING", `k1:${randomKey()},`, /key 2: /],
    ["KEYRING", `k2:${randomKey()},k1:${randomKey(8)}`, /key 2: it has 8 bytes/],
    ["ADMIN_KEY", undefined, /must be set/],
    ["ADMIN_KEY", "", /32 characters/],
    ["ADMIN_KEY", randomKey(24).slice(1), /32 characters/],
    ["EXPORT_KEY", "", /32 characters/],
    ["EXPORT_KEY", randomKey(24).slice(1), /32 characters/],
    ["EXPORT_KEY", "a".repeat(40), /placeholder/],
    ["EXPORT_KEY", secrets.ADMIN_KEY, /must differ from ADMIN_KEY and PROXY_KEY/],
    ["ADMIN_USERS", 7, /expected string/],
    ["ADMIN_USERS", "ada,b\u0007b", /must be user names/],
    ["ADMIN_USERS", `ada,${"x".repeat(257)}`, /must be user names/],
    ["BASE_PATH", "", /must be a path/],
    ["BASE_PATH", "/", /must be a path/],
    ["BASE_PATH", "api/auth", /must be a path/],
    ["BASE_PATH", "/api/auth/", /must be a path/],
    ["BASE_PATH", "//auth", /must be a path/],
    ["BASE_PATH", "/api/:auth", /must be a path/],
    ["BASE_PATH", "/api/*", /must be a path/],
    ["BASE_PATH", "/api%2fauth", /must be a path/],
    ["BASE_PATH", "/api?x", /must be a path/],
    ["BASE_PATH", "/api/../auth", /must not have the segments/],
    ["BASE_PATH", "/.", /must not have the segments/],
    ["ORIGIN_URL", "origin.example", /must be http\(s\):\/\/host/],
    ["ORIGIN_URL", "//origin.example", /must be http\(s\):\/\/host/],
    ["ORIGIN_URL", "ftp://origin.example", /must be http\(s\):\/\/host/],
    ["ORIGIN_URL", "javascript:alert(1)", /must be http\(s\):\/\/host/],
    ["ORIGIN_URL", "https://origin.example/app", /without a path/],
    ["ORIGIN_URL", "https://origin.example?x=1", /without a path/],
    ["ORIGIN_URL", "https://origin.example#x", /without a path/],
    ["ORIGIN_URL", "https://user:hunter2@origin.example", /without a path/],
    ["ORIGIN_URL", 8788, /./],
    ["ORIGIN_HOST", "", /"forward" or "origin"/],
    ["ORIGIN_HOST", "visitor", /"forward" or "origin"/],
    ["DROP_HEADERS", "X Tenant", /must be header names/],
    ["DROP_HEADERS", "X_Tenant", /must be header names/],
    ["DROP_HEADERS", "*", /must be header names/],
    ["DROP_HEADERS", "X-Acme*", /must be header names/],
    ["DROP_HEADERS", "X-*-Id", /must be header names/],
    ["DROP_HEADERS", "Depth", /must not have Depth/],
    ["DROP_HEADERS", "X-Tenant,origin", /must not have origin/],
    ["DROP_HEADERS", "Content-*", /must not have Content-\*/],
    ["DROP_HEADERS", "Sec-Fetch-*", /must not have Sec-Fetch-\*/],
    ["DROP_HEADERS", 7, /expected string/],
    ["KEEP_HEADERS", "X-Auth-*", /must be header names/],
    ["KEEP_HEADERS", "X_Auth_User", /must be header names/],
    ["KEEP_HEADERS", "X-Auth-User,X-Csrf-Token", /only names that are removed without it/],
    ["ISSUER", "", /must not be empty/],
    ["ISSUER", "   ", /must not be empty/],
    ["ISSUER", "x".repeat(65), /at most 64/],
    ["ISSUER", "ACME\u0000", /control characters/],
    ["ISSUER", "ACME\u202e", /control characters/],
    ["FIRST_FACTOR", "ldap", /must be "password"/],
    ["FIRST_FACTOR", "", /must be "password"/],
    ["ENROLMENT", "Required", /"required" or "optional"/],
    ["ENROLMENT", "", /"required" or "optional"/],
    ["SIGN_UP", "open", /must be "closed"/],
    ["METHOD_OVERRIDE", "", /"drop", "pass" or "never"/],
    ["METHOD_OVERRIDE", "Pass", /"drop", "pass" or "never"/],
    ["POLICY", "", /not JSON/],
    ["POLICY", "{}", /JSON array/],
    ["POLICY", { path: "/a", require: "none" }, /JSON array/],
    ["POLICY", '[{"path":"a","require":"none"}]', /\[0\]\.path: must start with "\/"/],
    ["POLICY", [{ path: "/a", require: "open" }], /\[0\]\.require: /],
    ["POLICY", [{ path: "/a", require: "none" }, 7], /\[1\]: /],
    ...["SESSION_MAX_AGE", "SESSION_IDLE", "SESSION_RECHECK"].flatMap((name): typeof bad => [
      [name, "", /whole number of seconds/],
      [name, "1h", /whole number of seconds/],
      [name, "-60", /whole number of seconds/],
      [name, "60.5", /whole number of seconds/],
      [name, "6e1", /whole number of seconds/],
      [name, " 60", /whole number of seconds/],
      [name, "٦٠", /whole number of seconds/],
      [name, true, /whole number of seconds/],
      [name, -1, /at least/],
      [name, 60.5, /./],
      [name, "99999999", /at most/],
      [name, Number.NaN, /./],
    ]),
    ["SESSION_MAX_AGE", "59", /at least 60/],
    ["SESSION_IDLE", "59", /at least 60/],
    ["SESSION_MAX_AGE", "2592001", /at most 2592000/],
    ["SESSION_RECHECK", "3601", /at most 3600/],
  ];

  it.each(bad)("refuses %s = %j, and names it", (name, value, message) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toContainEqual({ name, message: expect.stringMatching(message) });
    expect(problems[0]?.name).toBe(name);
  });

  it("names every variable that is wrong, not only the first", () => {
    const wrong = { KEYRING: "x", ADMIN_KEY: "x", BASE_PATH: "x", ENROLMENT: "x", SESSION_IDLE: "x" };
    expect(namesOf(problemsOf(wrong))).toEqual(Object.keys(wrong));
  });

  it.each([undefined, null, "x", 7])("refuses the environment %j", (environment) => {
    expect(parseConfig(environment).ok).toBe(false);
  });

  it("refuses sessions that may idle for longer than they live", () => {
    const wrong = { SESSION_MAX_AGE: "600", SESSION_IDLE: "601", SESSION_RECHECK: "60" };
    expect(problemsOf(wrong)).toEqual([
      { name: "SESSION_IDLE", message: expect.stringContaining("SESSION_MAX_AGE") },
    ]);
    expect(problemsOf({ ...wrong, SESSION_IDLE: "600" })).toEqual([]);
  });

  it("INC-39 refuses a KEEP_HEADERS with a header that only Sallyport or the proxy may set", () => {
    const names = [
      ...[
        "Remote-User",
        "REMOTE-USER",
        "Remote",
        "Remote-Groups",
        "X-Sallyport-Assertion",
        "X-Sallyport-Proxy-Key",
      ],
      ...[
        "X-Forwarded-For",
        "X-Forwarded-User",
        "Forwarded",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "Proxy",
      ],
      ...["X-Original-Url", "X-Rewrite-Url", "Script-Name", "X-Middleware-Subrequest", "X-Accel-Redirect"],
    ];
    for (const name of names)
      for (const KEEP_HEADERS of [name, `X-Auth-User, ${name}`])
        expect(problemsOf({ KEEP_HEADERS })).toEqual([
          { name: "KEEP_HEADERS", message: expect.stringContaining(`must not have ${name}, `) },
        ]);
  });

  it("takes a KEEP_HEADERS that exempts a name from a family of DROP_HEADERS, and no name that both have", () => {
    const both = { DROP_HEADERS: "X-Acme-*,X-Tenant" };
    expect(problemsOf({ ...both, KEEP_HEADERS: "X-Acme-Trace" })).toEqual([]);
    expect(namesOf(problemsOf({ ...both, KEEP_HEADERS: "X-Tenant" }))).toEqual(["KEEP_HEADERS"]);
  });

  it("refuses ORIGIN_HOST=origin with ORIGIN_URL=route, where the platform sends the visitor's host", () => {
    expect(problemsOf({ ORIGIN_URL: "route", ORIGIN_HOST: "origin" })).toEqual([
      { name: "ORIGIN_HOST", message: expect.stringContaining("ORIGIN_URL=route") },
    ]);
    expect(problemsOf({ ORIGIN_URL: "route", ORIGIN_HOST: "forward" })).toEqual([]);
  });

  it("INC-29 refuses an EXPORT_KEY that is PROXY_KEY: the loss of one would be the loss of both", () => {
    expect(problemsOf({ EXPORT_KEY: exportKey, PROXY_KEY: exportKey })).toEqual([
      { name: "EXPORT_KEY", message: "must differ from ADMIN_KEY and PROXY_KEY" },
    ]);
    expect(problemsOf({ EXPORT_KEY: exportKey, PROXY_KEY: randomKey(24) })).toEqual([]);
  });

  it("SE-07 rejects a SESSION_RECHECK longer than the idle limit of sessions", () => {
    const wrong = { SESSION_IDLE: "300", SESSION_RECHECK: "301" };
    expect(problemsOf(wrong)).toEqual([
      { name: "SESSION_RECHECK", message: expect.stringContaining("SESSION_IDLE") },
    ]);
    expect(problemsOf({ ...wrong, SESSION_RECHECK: "300" })).toEqual([]);
  });
});

describe("placeholders in the place of secrets", () => {
  it("CR-10 has an example whose values are all refused", () => {
    expect(Object.keys(exampleValues)).toEqual(["KEYRING", "ADMIN_KEY", "EXPORT_KEY"]);
    expect(namesOf(problemsOf(exampleValues))).toEqual(["KEYRING", "ADMIN_KEY", "EXPORT_KEY"]);
  });

  it.each([
    ["zeros", new Uint8Array(32)],
    ["ones", new Uint8Array(32).fill(0xff)],
    ["one byte again and again", new Uint8Array(32).fill(0x5a)],
    ["counting up", Uint8Array.from({ length: 32 }, (_, at) => at)],
    ["counting down in threes", Uint8Array.from({ length: 32 }, (_, at) => 250 - at * 3)],
    ["text", new TextEncoder().encode("change-me-change-me-change-me-32")],
    ["a passphrase", new TextEncoder().encode("the quick brown fox jumps over 1")],
    ["hexadecimal digits", new TextEncoder().encode("0123456789abcdef0123456789abcdef")],
    ["a pattern", Uint8Array.from({ length: 32 }, (_, at) => (at % 15) * 17)],
  ])("CR-10 refuses a key of %s", (_what, bytes) => {
    for (const KEYRING of [`k1:${base64(bytes)}`, `k2:${randomKey()},k1:${base64(bytes)}`])
      expect(problemsOf({ KEYRING })).toEqual([
        { name: "KEYRING", message: expect.stringContaining("looks like a placeholder") },
      ]);
  });

  it.each([
    "change-me-change-me-change-me-change-me",
    "replace-with-32-or-more-random-characters",
    "EXAMPLE-4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
    "my-secret-admin-key-of-32-characters!",
    "placeholder-0123456789abcdefghijklmnop",
    "a".repeat(40),
    "abababababababababababababababababab",
    "00000000-0000-0000-0000-000000000000",
  ])("CR-10 refuses the admin key %j", (ADMIN_KEY) => {
    expect(problemsOf({ ADMIN_KEY })).toContainEqual({
      name: "ADMIN_KEY",
      message: expect.stringContaining("looks like a placeholder"),
    });
  });

  it("takes a thousand random keys, of every usual spelling", () => {
    for (let key = 0; key < 1000; key++) {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      const hex = Buffer.from(bytes).toString("hex");
      expect(problemsOf({ KEYRING: `k1:${base64(bytes)}`, ADMIN_KEY: hex })).toEqual([]);
    }
  });
});

describe("a Worker with a variable that is wrong", () => {
  const wrong = environment({ SESSION_IDLE: "wrong-value-7f3a", ORIGIN_URL: "http://origin.test" });

  it("answers every request with 500 and serves nothing", async () => {
    collectLogLines();
    const origin = mockOrigin();
    const paths = [
      "/",
      "/a",
      "/api/auth/health",
      "/api/auth/assets/sallyport.css",
      "/api/auth/sign-in",
      "/%zz",
    ];
    for (const path of paths)
      for (const method of ["GET", "HEAD", "POST"]) {
        const response = await send(new Request(host + path, { method }), wrong);
        expect(response.status, `${method} ${path}`).toBe(500);
      }
    expect(origin.requests).toEqual([]);
  });

  it("answers with a problem document that says nothing of what is wrong", async () => {
    collectLogLines();
    const response = await send(new Request(`${host}/a`), wrong);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const text = await response.text();
    expect(JSON.parse(text)).toEqual({
      type: "urn:sallyport:problem:misconfigured",
      title: "Not configured",
      status: 500,
      detail: expect.any(String),
      code: "misconfigured",
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(text).not.toMatch(/SESSION_IDLE|7f3a/);
  });

  it("WB-03 protects this answer like any other", async () => {
    collectLogLines();
    const { headers } = await send(new Request(`${host}/a`), wrong);
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Strict-Transport-Security")).toMatch(/^max-age=31536000/);
    expect(headers.get("Content-Security-Policy")).toMatch(/frame-ancestors 'none'/);
    expect(headers.get("Referrer-Policy")).toMatch(/^(same-origin|no-referrer)$/);
    expect(headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
  });

  it("logs the variable and what it should be, under the id that the answer has", async () => {
    const lines = collectLogLines();
    const response = await send(new Request(`${host}/a`), wrong);
    const { request_id } = await response.json<{ request_id: string }>();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: expect.any(String),
        level: "error",
        event: "misconfigured",
        request_id,
        variable: "SESSION_IDLE",
        message: "must be a whole number of seconds",
      },
    ]);
  });

  it("LG-03 never logs or answers the value, of a secret least of all", async () => {
    const weakKey = base64(new TextEncoder().encode("weak-but-mine-7f3a-weak-but-mine"));
    const values: Record<string, string[]> = {
      KEYRING: [`k1:${weakKey}`, weakKey, `k1:${randomKey(31)}`, `7f3a,${randomKey()}`, "7f3a7f3a7f3a"],
      ADMIN_KEY: ["short-7f3a", "secret-7f3a-secret-7f3a-secret-7f3a"],
      BASE_PATH: ["7f3a"],
      ORIGIN_URL: ["https://user:7f3a@origin.example"],
      ISSUER: ["7f3a\u0000"],
      FIRST_FACTOR: ["7f3a"],
      ENROLMENT: ["7f3a"],
      SIGN_UP: ["7f3a"],
      POLICY: ["7f3a", '[{"path":"7f3a","require":"none"}]', '[{"path":"/","require":"7f3a"}]'],
      METHOD_OVERRIDE: ["7f3a"],
      SESSION_MAX_AGE: ["7f3a"],
      SESSION_RECHECK: ["7f3a"],
    };
    for (const [name, texts] of Object.entries(values))
      for (const value of texts) {
        const lines = collectLogLines();
        const response = await send(new Request(host), environment({ [name]: value }));
        const told = `${await response.text()}\n${lines.join("\n")}`;
        expect(response.status, name).toBe(500);
        expect(told).toContain(`"variable":"${name}"`);
        expect(told).not.toContain(value);
        expect(told, name).not.toMatch(/7f3a/);
        vi.restoreAllMocks();
      }
  });

  it("does not run its hourly job either", async () => {
    const { createExecutionContext, createScheduledController } = await import("cloudflare:test");
    const event = createScheduledController({ scheduledTime: new Date(), cron: "17 * * * *" });
    const run = async () => worker.scheduled(event, wrong, createExecutionContext());
    await expect(run()).rejects.toThrow("SESSION_IDLE: must be a whole number of seconds");
  });

  it("is right again with the right value", async () => {
    collectLogLines();
    const right = environment({ SESSION_IDLE: "600", KEYRING: env.KEYRING });
    expect((await send(new Request(`${host}/api/auth/assets/sallyport.css`), right)).status).toBe(200);
  });
});
