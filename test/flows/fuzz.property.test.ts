import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { hostileText } from "../support/arbitrary-paths.ts";
import { pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { listRoutes } from "../support/routes.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import { base, Client, code, createEnrolledAccount, environment, host, send } from "../support/worker.ts";

// Issue 5, part 5: any endpoint, with anything. What must hold is said once, below.

const runs = 600;

interface World {
  readonly full: string;
  readonly pending: string;
  readonly apiKey: string;
  /** What no answer and no log line may have, unless the request brought it. */
  readonly secrets: readonly string[];
}

let world: World;
let lines: string[];

useFreshWorker();
beforeEach(async () => {
  const account = await createEnrolledAccount();
  const client = new Client();
  const pending = (await client.login(account)).json.session_token;
  const right = await code(account.secret);
  const full = (await client.post("/totp/verify", { session_token: pending, code: right })).json
    .session_token;
  const waiting = (await client.login(account)).json.session_token;
  const body = { name: "fuzz", scopes: ["users:read", "users:write", "verify"] };
  const made = await client.post("/v1/api-keys?realm=shop", body, { token: env.ADMIN_KEY });
  const apiKey = made.json.data.key;
  const own = [account.secret, account.password, ...account.backupCodes];
  world = {
    full,
    pending: waiting,
    apiKey,
    secrets: [...own, env.ADMIN_KEY, env.KEYRING, full, waiting, apiKey],
  };
  lines = collectLogLines();
});

type Damage = (token: string, at: number) => string;

/** Ways to turn a token into another one that was not issued. */
const damages: Record<string, Damage> = {
  "a changed character": (token, at) => {
    const index = at % token.length;
    return token.slice(0, index) + (token[index] === "x" ? "y" : "x") + token.slice(index + 1);
  },
  "a cut": (token, at) => token.slice(0, at % token.length),
  "a doubled part": (token, at) => token.slice(0, at % token.length) + token,
  "another kind": (token) =>
    token.startsWith("pending_") ? token.slice("pending_".length) : `pending_${token}`,
  "halves of two": (token, at) => token.slice(0, (at % 30) + 20) + [...token].reverse().join(""),
};

const tokens = () => [world.full, world.pending, world.apiKey, env.ADMIN_KEY];

const damaged = fc
  .tuple(fc.nat(3), fc.constantFrom(...Object.values(damages)), fc.nat(400))
  .map(([which, damage, at]) => () => {
    const token = tokens()[which] ?? "";
    const made = damage(token, at);
    return tokens().includes(made) ? `${made}x` : made;
  });

const header = fc.stringMatching(/^[\x21-\x7e]{0,60}$/);

/** Where a token stands: as a bearer, or in one of the cookies. */
const carried = (token: string) =>
  fc.constantFrom<Record<string, string>>(
    { Authorization: `Bearer ${token}` },
    { Authorization: `Basic ${token}` },
    { Cookie: `${sessionCookieName}=${token}`, "Sec-Fetch-Site": "same-origin" },
    { Cookie: `${pendingCookieName}=${token}`, "Sec-Fetch-Site": "same-origin" },
    { Cookie: `__Host-sallyport-challenge=${token}`, "Sec-Fetch-Site": "same-origin" },
    { Cookie: `__Host-sallyport-device=${token}`, "Sec-Fetch-Site": "same-origin" },
  );

/** Header names that some part of the Worker looks at. */
const strangeHeaders = fc.dictionary(
  fc.constantFrom(
    "Accept",
    "Origin",
    "Content-Type",
    "Idempotency-Key",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-For",
    "X-Original-URL",
    "X-Sallyport-Proxy-Key",
    "User-Agent",
    "Range",
    "If-None-Match",
    "X-Time",
  ),
  header,
  { maxKeys: 4 },
);

const names = [
  "username",
  "password",
  "code",
  "session_token",
  "secret",
  "user",
  "return_to",
  "scopes",
  "name",
  "rd",
];
const strangeBody = fc.oneof(
  fc.json(),
  fc
    .dictionary(fc.constantFrom(...names), fc.jsonValue(), { maxKeys: 4 })
    .map((body) => JSON.stringify(body)),
  fc.string({ maxLength: 200 }),
  fc.constant(`{"code":"${"9".repeat(20_000)}"}`),
);

const routes = listRoutes();
const target = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...routes) },
  {
    weight: 1,
    arbitrary: fc.record({
      method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"),
      path: hostileText("api", "auth", "v1", "users").map(
        (path) => `${base}/${encodeURI(path.toWellFormed())}`,
      ),
    }),
  },
);

/** Sends it, and holds the invariants that one answer can show. */
async function ask(
  { method, path }: { method: string; path: string },
  headers: Record<string, string>,
  body: string,
): Promise<void> {
  const init: RequestInit = { method, headers, redirect: "manual" };
  if (!["GET", "HEAD"].includes(method)) init.body = body;
  const before = lines.length;
  const url = URL.parse(host + path);
  if (url === null) return;
  const response = await send(new Request(url, init), environment());
  const text = await response.text();
  expect(response.status, `${method} ${path} ${text.slice(0, 200)}`).toBeLessThan(500);
  const brought = JSON.stringify(headers) + body + path;
  const said = text + JSON.stringify([...response.headers]) + lines.slice(before).join("\n");
  // The documentation has an example of a password, which happens to be that of the tests.
  const secrets = /\/(docs|openapi\.json)$/.test(path) ? world.secrets.slice(2) : world.secrets;
  for (const secret of secrets) if (!brought.includes(secret)) expect(said).not.toContain(secret);
}

/** Full sessions that have not shown the second factor which their account has: one from before it was set up. */
const listHalfSessions = () =>
  query(
    "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.kind = 'full' AND u.totp_enabled AND s.second_factor_at IS NULL",
  );

/** What stays as it is, whatever is sent without a token that was given. Tries may be counted and written down. */
async function standing() {
  const { users, sessions, api_keys, challenges, idempotency_keys } = await dumpDatabase();
  return {
    users,
    sessions,
    api_keys: api_keys?.map(({ last_used_at: _, ...key }) => key),
    challenges,
    idempotency_keys,
  };
}

describe("any endpoint, with anything", () => {
  it("EN-14 SE-15 WB-11 opens, changes and tells nothing without a token that was given", async () => {
    const before = await standing();
    await fc.assert(
      fc.asyncProperty(
        target,
        damaged.chain((token) => carried(token().replace(/[^\x21-\x7e]/g, ""))),
        strangeHeaders,
        strangeBody,
        (where, token, headers, body) => ask(where, { ...headers, ...token }, body),
      ),
      { numRuns: runs },
    );
    expect(await standing()).toEqual(before);
  });

  it("WB-08 is no reason for a 5xx with a token that was given, nor for a session without both factors", async () => {
    const mostFailures = async () =>
      Number((await query<{ n: number }>("SELECT max(second_factor_failures) AS n FROM users"))[0]?.n);
    const before = await listHalfSessions();
    let failures = await mostFailures();
    await fc.assert(
      fc.asyncProperty(
        target.filter(({ path }) => !/logout|sign-out|sessions|\/login|\/sign-in/.test(path)),
        fc.nat(2).chain((which) => carried(tokens()[which] ?? "")),
        strangeHeaders,
        strangeBody,
        async (where, token, headers, body) => {
          await ask(where, { "Content-Type": "application/json", ...headers, ...token }, body);
          const now = await mostFailures();
          expect(now).toBeGreaterThanOrEqual(failures);
          failures = now;
        },
      ),
      { numRuns: runs },
    );
    expect(await listHalfSessions()).toEqual(before);
  });
});
