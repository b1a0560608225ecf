import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateSessionSecret, signPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import { firstFactorOnlySessionLimits } from "../../src/domain/sign-in/openings.ts";
import { apiOperationsAndDocument } from "../../src/http/app.ts";
import { createReadyAccount } from "../support/accounts.ts";
import { createRealm } from "../support/backend.ts";
import type { Browser as HostedBrowser } from "../support/browser.ts";
import { askForCode, askForSetup, type Challenge, shopUrls } from "../support/challenges.ts";
import { pendingCookieName } from "../support/cookies.ts";
import { firstFactors, headersOf, showFirstFactor } from "../support/first-factors.ts";
import { asked } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated } from "../support/gate.ts";
import { keyringOf } from "../support/keyring.ts";
import { type Browser, openSite, pageLoad, type Site, scripted } from "../support/origin-site.ts";
import { listCatchAllPaths, listRoutes } from "../support/routes.ts";
import { query } from "../support/rows.ts";
import { signSession } from "../support/session-token.ts";
import { type Watch, watchStatements } from "../support/statements.ts";
import { base, type environment, host, pendingToken, send } from "../support/worker.ts";

// INC-30: what a caller without a full session can cost, over every route that there is.

let site: Site;
let watch: Watch;

useFreshWorker();
beforeEach(() => {
  site = openSite();
  watch = watchStatements();
});
afterEach(() => watch.stop());

/** Who calls: always the same headers, and no cookie is kept. */
interface Caller {
  readonly bindings: ReturnType<typeof environment>;
  readonly headers: Record<string, string>;
}

const address = "198.51.100.7";

interface Call {
  readonly name: string;
  readonly path: string;
  readonly init: RequestInit;
}

const json = { "Content-Type": "application/json" };
const form = { "Content-Type": "application/x-www-form-urlencoded", Origin: host };

/** What the forms of the pages send. A form that is not here fails every test. */
const fields: Record<string, string> = {
  "/sign-in": "username=ada&password=wrong+password&rd=%2F",
  "/sign-out": "",
  "/second-factor": "code=000000&rd=%2F",
  "/account/two-factor": "step=start&rd=%2F",
  "/account/backup-codes": "code=000000",
  "/account/two-factor/disable": "code=000000&password=wrong+password",
  "/account/sessions/end": "id=x",
  "/account/sessions/end-others": "",
};

function fieldsOf(path: string): string {
  const text = fields[path];
  if (text === undefined) throw new Error(`What does the form ${path} send? See "fields"`);
  return text;
}

/** Every route of the Worker in its route table, the site behind it, and what a proxy asks about. */
function everyCall(): Call[] {
  const forwarded = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/inbox" };
  const get = (name: string, path: string): Call[] => [
    { name, path, init: { headers: { ...pageLoad, ...forwarded } } },
    { name: `${name} by a script`, path, init: { headers: { ...scripted, ...forwarded } } },
  ];
  const calls = listRoutes().flatMap(({ method, path }): Call[] => {
    const own = path.slice(base.length);
    const name = `${method} ${own}`;
    if (method === "GET") return get(name, path);
    const operation = apiOperationsAndDocument.operations.find(
      (one) => one.method === method.toLowerCase() && one.path.replace(/:\w+/g, "x") === own,
    );
    if (operation === undefined)
      return [{ name, path, init: { method, headers: form, body: fieldsOf(own) } }];
    const example = operation.bodyExample ?? {};
    const body = typeof example === "string" ? example : JSON.stringify(example);
    return [{ name, path, init: { method, headers: { ...json, Origin: host }, body } }];
  });
  const others = [...listCatchAllPaths(), "/inbox"].flatMap((path) => [
    ...get(`GET any ${path}`, path),
    { name: `POST any ${path}`, path, init: { method: "POST", headers: { Origin: host } } },
  ]);
  return [...calls, ...others];
}

/** Sends a call, and says how many rows D1 has written for it, index entries among them. */
async function send1({ bindings, headers }: Caller, { path, init }: Call): Promise<number> {
  const before = watch.trips.length;
  const all = new Headers({ ...headers, "CF-Connecting-IP": address });
  for (const [name, value] of new Headers(init.headers)) all.set(name, value);
  const response = await send(
    new Request(host + path, { ...init, headers: all, redirect: "manual" }),
    bindings,
  );
  await response.body?.cancel();
  const statements = watch.trips.slice(before).flatMap((trip) => trip.statements);
  return statements.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
}

const tables = [
  "users",
  "sessions",
  "audit_events",
  "throttles",
  "challenges",
  "idempotency_keys",
  "api_keys",
];

async function countRows(): Promise<Record<string, number>> {
  const counts = tables.map(async (table) => {
    const [row] = await query<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`);
    return [table, row?.rows ?? 0] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

interface Walked {
  /** The most rows that one call has written. */
  readonly mostWritten: number;
  /** The calls that have still written something in the last round. */
  readonly stillWriting: readonly string[];
  /** Rows of each table that are there now and were not before. */
  readonly grown: Readonly<Record<string, number>>;
}

/** Enough for every limit but the one of a network's wrong passwords. */
const usualRounds = 20;

/** Names of calls that are the site's, or a proxy's question about them. */
const atTheSite = /\/(inbox|x|forward-auth|auth-request)( |$)/;

const isPasswordCall = ({ name }: Call) => name === "POST /login" || name === "POST /sign-in";

/** All calls in the first two rounds and in the last; in between those that have written something. */
async function walk(
  caller: Caller,
  isMeant = (_: Call) => true,
  { all = everyCall(), rounds = usualRounds } = {},
): Promise<Walked> {
  const calls = all.filter(isMeant);
  const before = await countRows();
  const writing = new Set<string>();
  let [mostWritten, stillWriting]: [number, string[]] = [0, []];
  for (let round = 1; round <= rounds; round++) {
    stillWriting = [];
    for (const call of calls) {
      if (round > 2 && round < rounds && !writing.has(call.name)) continue;
      const written = await send1(caller, call);
      if (written === 0) continue;
      writing.add(call.name);
      stillWriting.push(call.name);
      mostWritten = Math.max(mostWritten, written);
    }
  }
  const after = await countRows();
  const grown = tables.map((table) => [table, (after[table] ?? 0) - (before[table] ?? 0)] as const);
  return { mostWritten, stillWriting, grown: Object.fromEntries(grown.filter(([, rows]) => rows !== 0)) };
}

const invented = `sp_${"a".repeat(16)}_${"b".repeat(43)}`;
const cookies = (value: string) =>
  ["sallyport", "sallyport-pending", "sallyport-challenge", "sallyport-device", "sallyport-circle"]
    .map((name) => `__Host-${name}=${value}`)
    .join("; ");

/** Tokens signed with the keys of another deployment. */
async function foreignTokens(): Promise<{ full: string; pending: string }> {
  const [keyring, now] = [keyringOf("k1"), new Date()];
  const expiresAt = new Date(now.getTime() + 3_600_000);
  const common = { sessionSecret: generateSessionSecret(), username: "ada", expiresAt };
  return {
    full: await signSession(keyring, common),
    pending: await signPendingSessionToken(keyring, common, now),
  };
}

describe.each([
  ["in front of a site", () => gated()],
  ["asked by a proxy", () => asked()],
] as const)("INC-30 a walk over every route, %s: ", (_, makeBindings) => {
  it("without anything, what it writes is failed passwords, as many as are counted", async () => {
    const walked = await walk({ bindings: makeBindings(), headers: {} });
    expect(walked.stillWriting).toEqual([]);
    // Ten for one name from one network, each with an event, and three counters.
    expect(walked.grown).toEqual({ audit_events: 10, throttles: 3 });
    expect(walked.mostWritten).toBeLessThanOrEqual(16);
  });

  it.each([
    ["an invented API key", async () => ({ Authorization: `Bearer ${invented}` })],
    ["garbage in every cookie", async () => ({ Cookie: cookies("garbage") })],
    ["a foreign full token", async () => ({ Cookie: cookies((await foreignTokens()).full) })],
    ["a foreign pending token", async () => ({ Authorization: `Bearer ${(await foreignTokens()).pending}` })],
  ] as [string, () => Promise<Record<string, string>>][])(
    "with %s, it writes nothing",
    async (_, headers) => {
      await createReadyAccount("ada");
      const caller = { bindings: makeBindings(), headers: await headers() };
      const walked = await walk(caller, (call) => !isPasswordCall(call));
      expect(walked).toEqual({ mostWritten: 0, stillWriting: [], grown: {} });
    },
  );

  it("with the right password alone, it opens a few pending sessions and uses them again", async () => {
    // The examples of the API's document have the password of this account, and the form of the page does not.
    await createReadyAccount("ada");
    // The network has thirty wrong passwords, one in each round.
    const caller = { bindings: makeBindings(), headers: {} };
    const walked = await walk(caller, isPasswordCall, { rounds: 32 });
    expect(walked.stillWriting).toEqual([]);
    // A right password forgives what was wrong at this account, and not what came from this network: thirty.
    const events = 30 + firstFactorOnlySessionLimits.maxPerNetwork;
    expect(walked.grown).toEqual({
      sessions: firstFactorOnlySessionLimits.maxPerNetwork,
      audit_events: events,
      throttles: 3,
    });
    expect(walked.mostWritten).toBeLessThanOrEqual(16);
  });

  it.each(["in a cookie", "as a bearer token"])(
    "with a pending session %s, it writes codes, as many as the budget has",
    async (where) => {
      const token = await pendingToken(await createReadyAccount("ada"));
      const headers =
        where === "in a cookie"
          ? { Cookie: `${pendingCookieName}=${token}` }
          : { Authorization: `Bearer ${token}` };
      const walked = await walk({ bindings: makeBindings(), headers }, (call) => !isPasswordCall(call));
      expect(walked.stillWriting).toEqual([]);
      // Signing out is among the calls, and ends it with an event.
      const { audit_events: events = 0, ...others } = walked.grown;
      expect(others).toEqual({});
      expect(events).toBeLessThanOrEqual(5 + 1);
      expect(walked.mostWritten).toBeLessThanOrEqual(16);
    },
  );
});

describe("INC-30 a walk over every route with a hosted challenge: ", () => {
  /** Every call, for this challenge: pages have it in the address, and forms in a field. */
  const callsFor = (id: string): Call[] =>
    [...everyCall(), ...comingBack()].map(({ path, ...call }) => {
      const { body, headers } = call.init;
      const init = headers === form ? { ...call.init, body: `${body}&challenge=${id}` } : call.init;
      return { name: call.name, path: `${path}?challenge=${id}`, init };
    });

  /** The page behind the backup codes. */
  const comingBack = () =>
    everyCall()
      .filter(({ path }) => path === `${base}/challenge/x`)
      .map((call) => ({ ...call, name: `${call.name} done`, path: `${base}/challenge/done` }));

  async function walkWith({ cookies, bindings }: HostedBrowser, { id }: Challenge): Promise<Walked> {
    const Cookie = Object.entries(cookies)
      .map((pair) => pair.join("="))
      .join("; ");
    return walk({ bindings, headers: { Cookie } }, (call) => !isPasswordCall(call), { all: callsFor(id) });
  }

  /** Its session's row is written to as "seen", and nothing else. A backend has made the challenge, for ten minutes. */
  const touching = ["POST /account/two-factor"];

  it("one that waits for a code writes as many as the budget has", async () => {
    const { browser, challenge } = await askForCode(await createRealm("shop", { return_urls: shopUrls }));
    const walked = await walkWith(browser, challenge);
    expect(walked.grown).toEqual({ audit_events: 5 });
    expect(walked.mostWritten).toBeLessThanOrEqual(16);
    expect(walked.stillWriting).toEqual(touching);
  });

  it("one that waits for a set-up writes as many as an account may begin", async () => {
    const { browser, challenge } = await askForSetup(await createRealm("shop", { return_urls: shopUrls }));
    const walked = await walkWith(browser, challenge);
    expect(walked.grown).toEqual({ audit_events: 10, throttles: 1 });
    expect(walked.mostWritten).toBeLessThanOrEqual(16);
    expect(walked.stillWriting).toEqual(touching);
  });
});

describe.each(firstFactors.filter((name) => name !== "password"))(
  "INC-30 with the first factor of %s",
  (name) => {
    /** The same client, which keeps no cookie but those that it has shown at first. */
    const callerOf = (browser: Browser): Caller => ({
      bindings: browser.bindings,
      headers: headersOf(browser),
    });

    it.each([{ SESSION_RECHECK: "0" }, { SESSION_RECHECK: "60", ORIGIN_URL: "" }])(
      "alone, a walk over every route opens a few pending sessions and uses them again: %j",
      async (overrides) => {
        const browser = await showFirstFactor(name, site, overrides);
        const caller = callerOf(browser);
        await browser.enrol();
        await query("DELETE FROM sessions");
        await query("DELETE FROM audit_events");
        const walked = await walk(caller);
        expect(walked.stillWriting).toEqual([]);
        expect(walked.grown).toEqual({
          sessions: firstFactorOnlySessionLimits.maxPerNetwork,
          audit_events: firstFactorOnlySessionLimits.maxPerNetwork,
        });
        expect(walked.mostWritten).toBeLessThanOrEqual(16);
      },
    );

    it.each([
      { SESSION_RECHECK: "0", ENROLMENT: "required" },
      { SESSION_RECHECK: "60", ENROLMENT: "optional", ORIGIN_URL: "" },
    ])(
      "alone, for an account without a second factor, rows and events are bounded: %j",
      async (overrides) => {
        const walked = await walk(callerOf(await showFirstFactor(name, site, overrides)));
        const { users, sessions = 0, audit_events: events = 0, ...others } = walked.grown;
        expect([users, others]).toEqual([1, {}]);
        expect(sessions).toBeLessThanOrEqual(firstFactorOnlySessionLimits.maxKeptRows);
        // That the account was made, and so many openings.
        expect(events).toBeLessThanOrEqual(1 + firstFactorOnlySessionLimits.maxPerNetwork);
        // Pages of the Worker alone need a session to go on with; the site is reached without one.
        expect(walked.stillWriting.filter((call) => atTheSite.test(call))).toEqual([]);
        expect(walked.mostWritten).toBeLessThanOrEqual(24);
      },
    );
  },
);
