import { type Answer, type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";

const echo = "only the site behind the gate can say what it received";
const formType = { "Content-Type": "application/x-www-form-urlencoded" };

/** Answers of every kind: pages, JSON, errors, files. */
async function answersOfEachKind(d: Deployment): Promise<Answer[]> {
  const asks = [
    d.ask("/sign-in"),
    d.ask("/health"),
    d.ask("/session"),
    d.ask("/nothing-here"),
    d.ask("/login", { body: "{" }),
    d.ask("/login", { method: "PUT", body: {} }),
    d.ask("/v1/users"),
    d.ask("/.well-known/jwks.json"),
  ];
  return Promise.all(asks);
}

/** Every ID that another realm could be asked for, with a key that has every scope there. */
async function foreignCalls(d: Deployment): Promise<[string, string, unknown][]> {
  const theirs = await d.createBackendUser();
  const key = await d.createKey(["users:read"], theirs.realm);
  const user = theirs.id;
  return [
    ["GET", `/v1/users/${user}`, undefined],
    ["POST", `/v1/users/${user}/verify`, { code: await d.freshCode(theirs) }],
    ["POST", `/v1/users/${user}/totp`, {}],
    ["POST", `/v1/users/${user}/totp/confirm`, { code: "123456" }],
    ["DELETE", `/v1/users/${user}/totp`, undefined],
    ["POST", `/v1/users/${user}/backup-codes`, { code: "123456" }],
    ["POST", `/v1/users/${user}/reset`, {}],
    ["POST", `/v1/users/${user}/unlock`, {}],
    ["POST", `/v1/users/${user}/disable`, {}],
    ["GET", `/v1/users/${user}/sessions`, undefined],
    ["DELETE", `/v1/users/${user}/sessions`, undefined],
    ["DELETE", `/v1/users/${user}/sessions/x`, undefined],
    ["DELETE", `/v1/users/${user}`, undefined],
    ["GET", `/v1/users/${theirs.realm}:${user}`, undefined],
    ["DELETE", `/v1/api-keys/${key.id}`, undefined],
    ["GET", `/v1/users?realm=${theirs.realm}`, undefined],
    ["GET", `/v1/events?realm=${theirs.realm}`, undefined],
  ];
}

export const webLines: readonly Line[] = [
  {
    id: "WB-01",
    requirement: "With a cookie, only pages of the same host can change something",
    check: async (d) => {
      const account = await d.createAccount();
      const login = await d.login(account);
      const cookie = login.cookies.get("__Host-sallyport")?.split(";")[0] ?? "";
      const foreign: Record<string, string>[] = [
        { Origin: "https://evil.example" },
        { Origin: "null" },
        { "Sec-Fetch-Site": "cross-site" },
        { "Sec-Fetch-Site": "same-site" },
        {},
      ];
      for (const headers of foreign) {
        const answer = await d.ask("/logout", { method: "POST", headers: { Cookie: cookie, ...headers } });
        mustBe(answer, 403, `with ${JSON.stringify(headers)}`, "csrf_rejected");
      }
      const headers = { Cookie: cookie, Origin: d.reach.origin, "Content-Type": "text/plain" };
      mustBe(await d.ask("/totp/setup", { body: "{}", headers }), 415, "a body of text/plain");
      mustBe(await d.ask("/session", { headers: { Cookie: cookie } }), 200, "the session lives");
    },
  },
  {
    id: "WB-02",
    requirement: "No page of another origin can read responses",
    check: async (d) => {
      for (const method of ["GET", "OPTIONS"]) {
        const headers = { Origin: "https://evil.example", "Access-Control-Request-Method": "POST" };
        const answer = await d.ask("/session", { method, headers });
        must(!answer.headers.has("Access-Control-Allow-Origin"), `${method} allows no origin`);
      }
    },
  },
  {
    id: "WB-03",
    requirement: "Every response has the security headers, also an error",
    check: async (d) => {
      for (const { headers, status } of await answersOfEachKind(d)) {
        const policy = headers.get("Content-Security-Policy") ?? "";
        for (const part of ["object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
          must(policy.includes(part), `a ${status} has ${part}`);
        must(!/unsafe-inline|unsafe-eval/.test(policy), `a ${status} allows nothing inline`);
        const age = Number(/max-age=(\d+)/.exec(headers.get("Strict-Transport-Security") ?? "")?.[1]);
        must(age >= 31_536_000, `a ${status} has HSTS of a year`);
        must(headers.get("X-Content-Type-Options") === "nosniff", `a ${status} has nosniff`);
        must(headers.has("Referrer-Policy"), `a ${status} has a referrer policy`);
        must(headers.get("Cross-Origin-Opener-Policy") === "same-origin", `a ${status} has COOP`);
      }
    },
  },
  {
    id: "WB-04",
    requirement: "The return path after a sign-in stays on this host",
    check: async (d) => {
      const account = await d.createAccount();
      const hostile = [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "//user@evil.example",
        "/\t/evil.example",
        "%2f%2fevil.example",
      ];
      const { username, password } = account;
      for (const rd of hostile) {
        const body = new URLSearchParams({ username, password, rd }).toString();
        const answer = await d.patiently("/sign-in", {
          body,
          headers: { ...formType, Origin: d.reach.origin },
        });
        const location = new URL(answer.headers.get("Location") ?? "/", d.reach.origin);
        must(answer.status === 303 && location.origin === d.reach.origin, `${rd} leads nowhere else`);
        must(!location.href.includes("evil.example"), `${rd} is forgotten`);
      }
    },
  },
  {
    id: "WB-05",
    requirement: "The gate removes a client's identity headers and sets its own",
    heldBy: "test/gate/headers.test.ts, test/e2e/proxies.test.ts: WB-05",
    because: echo,
  },
  {
    id: "WB-06",
    requirement: "Content types have a charset, a 405 has Allow, and TRACE is refused",
    check: async (d) => {
      for (const { headers, status, text } of await answersOfEachKind(d))
        if (text !== "")
          must(
            /charset=utf-8|application\/json/i.test(headers.get("Content-Type") ?? ""),
            `a ${status} has a type`,
          );
      const wrong = await d.ask("/login", { method: "DELETE" });
      mustBe(wrong, 405, "DELETE /login");
      must(wrong.headers.get("Allow")?.includes("POST") === true, "Allow names POST");
    },
  },
  {
    id: "WB-07",
    requirement: "The API refuses plain HTTP and does not redirect it",
    state: "does not apply",
    because: "the zone answers plain HTTP before a Worker sees it; docs/deploy.md says what to set there",
  },
  {
    id: "WB-08",
    requirement: "Bodies are bounded, have a checked content type, and have only known fields, each once",
    check: async (d) => {
      const big = JSON.stringify({ username: "x".repeat(1024 * 1024), password: "y" });
      mustBe(await d.ask("/login", { body: big }), 413, "a mebibyte");
      mustBe(await d.ask("/login", { body: "a=b", headers: formType }), 415, "a form");
      const bodies = [
        '{"username":"a","username":"b","password":"c"}',
        '{"username":"a","password":"b","__proto__":{}}',
        '{"username":"a","password":"b","more":1}',
        "[]",
        "null",
        "{",
        '{"username":"a","password":"b"}x',
      ];
      for (const body of bodies) mustBe(await d.ask("/login", { body }), 400, body.slice(0, 40));
      const deep = `${'{"username":'.repeat(2000)}1${"}".repeat(2000)}`;
      const answer = await d.ask("/login", { body: deep });
      must(answer.status >= 400 && answer.status < 500, "depth is refused");
    },
  },
  {
    id: "WB-09",
    requirement: "A key of one realm finds nothing of another",
    check: async (d) => {
      const own = await d.createKey(["users:read", "users:write", "verify", "admin"]);
      for (const [method, path, body] of await foreignCalls(d))
        mustBe(await d.ask(path, { method, body, bearer: own.key }), 404, `${method} ${path}`, "not_found");
    },
  },
  {
    id: "WB-10",
    requirement: "A token, code or key in an address is not accepted",
    check: async (d) => {
      const account = await d.createAccount();
      const token = (await d.login(account)).json.session_token;
      for (const name of ["token", "session_token", "access_token", "code"])
        mustBe(await d.ask(`/session?${name}=${token}`), 401, `${name} in the query`);
      const { key } = await d.createKey();
      mustBe(await d.ask(`/v1/users?key=${key}`), 401, "an API key in the query");
    },
  },
  {
    id: "WB-11",
    requirement: "Errors reveal nothing internal",
    needs: ["stores"],
    check: async (d) => {
      const failing = d.reach.withFailingStore?.() ?? d;
      const answers = [
        await failing.ask("/login", { body: { username: "a", password: "b" } }),
        await failing.ask("/v1/users", { bearer: d.reach.adminKey }),
        await failing.ask("/health"),
        ...(await answersOfEachKind(failing)),
      ];
      for (const { text } of answers)
        must(!/SELECT|SQLITE|D1_|\bat \w+ \(|\.ts:\d/.test(text), "no SQL, no stack");
    },
  },
  {
    id: "WB-12",
    requirement: "The gate keeps methods, streams, ranges and WebSockets",
    heldBy: "test/gate/stream.test.ts, test/gate/web-socket.test.ts, test/e2e/gate-streams.test.ts",
    because: echo,
  },
  {
    id: "WB-13",
    requirement: "The gate is closed when a store is down",
    heldBy: "test/gate/outage.test.ts: WB-13",
    because: echo,
  },
  {
    id: "WB-14",
    requirement: "No response that needs a session is stored in a shared cache",
    heldBy: "test/gate/headers.test.ts, test/gate/stream.test.ts: WB-14",
    because: echo,
  },
  {
    id: "WB-15",
    requirement: "A retry with the same Idempotency-Key gets the first response, and another body 409",
    check: async (d) => {
      const user = await d.createBackendUser();
      const code = await d.freshCode(user);
      const headers = { "Idempotency-Key": crypto.randomUUID() };
      const answers = await Promise.all(Array.from({ length: 50 }, () => d.verifyFor(user, code, headers)));
      must(
        answers.every(({ status }) => status === 200),
        "fifty at once are one success",
      );
      must(new Set(answers.map(({ text }) => text)).size === 1, "and one answer");
      const other = await d.verifyFor(user, await d.wrongCode(user.secret), headers);
      mustBe(other, 409, "another body", "idempotency_conflict");
      mustBe(await d.verifyFor(user, code), 401, "the code without the key", "invalid_code");
    },
  },
];
