import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { runScheduled, useAllFlows } from "../support/all-flows.ts";
import { advance } from "../support/clock.ts";
import { parseSetCookies } from "../support/cookies.ts";
import { type Recorded, recordExchanges } from "../support/exchanges.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { type EventRecord, listEveryEvent, query } from "../support/rows.ts";
import { type Kind, type Sensitive, SensitiveData } from "../support/sensitive-data.ts";

describe("after everything that there is to use was used", () => {
  /** Where something sensitive is part of an answer: method, path and status. Nowhere else, and nothing else. */
  const contract = {
    bodies: {
      "TOTP secret": /^POST \/(totp\/setup|account\/two-factor) 200$/,
      "provisioning URI": /^POST \/(totp\/setup|account\/two-factor) 200$/,
      "QR code": /^POST \/totp\/setup 200$/,
      "backup code": /^POST \/(totp\/enable|backup-codes|account\/two-factor|account\/backup-codes) 200$/,
      token: /^POST \/(login|totp\/verify|step-up) 200$/,
      // What was typed is there to be mended, but for the password.
      "unknown name": /^POST \/sign-in 401$/,
      // The name of a field is there to be mended, but not its value.
      "unknown field": /^POST \/(v1\/users|login) 400$/,
      // The way back, in the forms that lead there.
      "query of a request": /^(GET|POST) \/(sign-in|account\/two-factor) (200|401)$/,
    },
    headers: {
      // The account's page goes on, and is renewed, when a code for something on it was wrong.
      token: /^(GET|POST) \/\S* (200|303) set-cookie$|^POST \/account\S* 401 set-cookie$/,
      "query of a request": /^(GET|POST) \/(private|reports|sign-in) 303 location$/,
      assertion: /^GET \/(auth-request|forward-auth) 200 x-sallyport-assertion$/,
    },
  } satisfies Record<string, Partial<Record<Kind, RegExp>>>;

  const book = new SensitiveData();
  let lines: readonly string[] = [];
  let recorded: readonly Recorded[] = [];
  let events: readonly EventRecord[] = [];

  useFreshWorker({ per: "suite" });
  beforeAll(async () => {
    lines = collectLogLines();
    recorded = recordExchanges();
    await useAllFlows(book);
    for (const exchange of recorded) noteTokens(exchange);
    events = await listEveryEvent();
  }, 120_000);

  function noteTokens({ headers, body }: Recorded): void {
    const token = /"session_token":"([^"]+)"/.exec(body)?.[1];
    if (token !== undefined) book.noteToken(token);
    for (const { name, value } of parseSetCookies({ headers })) {
      if (value !== "" && /^__Host-sallyport(-pending)?$/.test(name)) book.noteToken(value);
    }
  }

  /** Sorts what was found by whether the contract has it there. */
  function judge(
    found: readonly (readonly [where: string, Sensitive])[],
    allowed: Partial<Record<Kind, RegExp>>,
  ) {
    const leaks = found.filter(([where, [kind]]) => allowed[kind]?.test(where) !== true);
    return { leaks, kinds: new Set(found.map(([, [kind]]) => kind)) };
  }

  it("LG-03 has noted enough to find a leak by", () => {
    expect(book.texts.length).toBeGreaterThan(800);
    expect(recorded.length).toBeGreaterThan(150);
    expect(lines.length).toBeGreaterThan(60);
    expect(events.length).toBeGreaterThan(60);
    const issued = book.texts.filter(([kind]) => kind === "session secret");
    expect(issued.length).toBeGreaterThan(30);
  });

  it("LG-03 has nothing sensitive in any line of the log", () => {
    expect(book.findIn(lines.join("\n"))).toEqual([]);
  });

  it("LG-03 has nothing sensitive in any audit event", () => {
    expect(book.findIn(JSON.stringify(events))).toEqual([]);
  });

  it("LG-03 EN-06 BC-09 has something sensitive in the bodies of those answers only that are there to give it", () => {
    const found = recorded.flatMap(({ method, path, status, body }) =>
      book.findIn(body).map((sensitive) => [`${method} ${path} ${status}`, sensitive] as const),
    );
    const { leaks, kinds } = judge(found, contract.bodies);
    expect(leaks).toEqual([]);
    expect([...kinds].toSorted()).toEqual(Object.keys(contract.bodies).toSorted());
  });

  it("LG-03 WB-10 has something sensitive in cookies, the way back and the assertion only, of all headers", () => {
    const found = recorded.flatMap(({ method, path, status, headers }) =>
      [...headers].flatMap(([name, value]) =>
        book.findIn(value).map((sensitive) => [`${method} ${path} ${status} ${name}`, sensitive] as const),
      ),
    );
    const { leaks, kinds } = judge(found, contract.headers);
    expect(leaks).toEqual([]);
    expect([...kinds].toSorted()).toEqual(Object.keys(contract.headers).toSorted());
  });

  it("LG-02 has id, time, type and request in every event, and each of its types is in the docs", async () => {
    const { default: documented } = await import("../../docs/audit-events.md?raw");
    const requests = new Set(recorded.map(({ headers }) => headers.get("X-Request-Id")));
    const firstAt = Date.UTC(2030, 0, 7);
    for (const event of events) {
      expect(event.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(event.at).toBeGreaterThan(firstAt);
      expect(event.at).toBeLessThanOrEqual(Date.now());
      expect(documented).toContain(`| \`${event.type}\` |`);
      // What passed the gate or was opened there has the origin's headers in its answer, and none of the Worker's.
      const known =
        requests.has(event.request_id) ||
        event.type === "first_factor.accepted" ||
        event.type === "user.created";
      expect([event.type, known]).toEqual([event.type, true]);
      expect(event.request_id).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });

  it("LG-02 has time in UTC, level, event and request in every line of the log", () => {
    for (const line of parseLines(lines)) {
      expect(line).toMatchObject({
        time: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: expect.stringMatching(/^(info|warn|error)$/),
        event: expect.stringMatching(/^[a-z_]+(\.[a-z_]+)?$/),
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }
  });

  it("LG-07 has a line for each kind of failure that was met, one for every refusal among them", () => {
    const parsed = parseLines(lines);
    const named = new Set(parsed.map(({ event }) => event));
    for (const event of [
      "request.refused",
      "integrity.failed",
      "store_unavailable",
      "first_factor_unavailable",
      "blocks.unavailable",
      "rate_limit.unavailable",
      "origin.unavailable",
      "misconfigured",
    ])
      expect(named).toContain(event);
    const refused = new Set(parsed.map(({ event, request_id }) => event === "request.refused" && request_id));
    const refusals = recorded.filter(({ status, headers }) => status >= 400 && headers.has("X-Request-Id"));
    expect(refusals.length).toBeGreaterThan(70);
    const silent = refusals.filter(({ headers }) => !refused.has(headers.get("X-Request-Id")));
    // The first has lines of its own, one for each variable. The second is how a proxy's every question is answered.
    expect(new Set(silent.map(({ path, status }) => `${path} ${status}`))).toEqual(
      new Set(["/session 500", "/auth-request 401"]),
    );
  });

  it("LG-08 leaves nothing behind that is over, once the hourly job has run", async () => {
    const { keys } = await env.BLOCKS.list();
    expect(keys.length).toBeGreaterThan(0);
    for (const { name, expiration } of keys) expect([name, typeof expiration]).toEqual([name, "number"]);

    advance(400 * 24 * 3600);
    await runScheduled();
    for (const table of ["sessions", "throttles", "audit_events"])
      expect([table, await query(`SELECT * FROM ${table}`)]).toEqual([table, []]);
    const pending = "totp_pending_secret IS NOT NULL OR totp_pending_expires_at IS NOT NULL";
    expect(await query(`SELECT id FROM users WHERE ${pending}`)).toEqual([]);
    expect((await query("SELECT id FROM users")).length).toBeGreaterThan(5);
  });
});
