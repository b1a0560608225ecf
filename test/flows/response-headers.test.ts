import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { browserHeaders, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, visit } from "../support/gate.ts";
import { exchange, type JsonCall, prepareJsonCalls, sendTo } from "../support/json-calls.ts";
import { listRoutes } from "../support/routes.ts";
import { query } from "../support/rows.ts";
import { type Answer, base, Client, code, environment } from "../support/worker.ts";

useFreshWorker();

describe("the headers of an answer", () => {
  function expectOwnHeaders(what: string, { headers }: Answer): void {
    const csp = headers.get("Content-Security-Policy") ?? "";
    const directives = csp.split(/; */).filter((directive) => directive !== "");
    expect([what, directives]).toEqual([
      what,
      expect.arrayContaining([
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
      ]),
    ]);
    expect(csp).not.toMatch(/unsafe|\*|https?:/);
    const transport = /^max-age=(\d+); includeSubDomains/.exec(
      headers.get("Strict-Transport-Security") ?? "",
    );
    expect([what, Number(transport?.[1]) >= 31_536_000]).toEqual([what, true]);
    expect([what, headers.get("X-Content-Type-Options")]).toEqual([what, "nosniff"]);
    expect([what, headers.get("Referrer-Policy")]).toEqual([what, "same-origin"]);
    expect([what, headers.get("Cross-Origin-Opener-Policy")]).toEqual([what, "same-origin"]);
    expect([what, headers.get("X-Powered-By")]).toEqual([what, null]);
    expect([what, headers.get("Server")]).toEqual([what, null]);
  }

  /** An answer of every kind: every route, and every way to fail. */
  async function everyAnswer(): Promise<[what: string, answer: Answer][]> {
    const { account, calls, full, pending } = await prepareJsonCalls();
    const answers: [string, Answer][] = [];
    const add = async (what: string, answer: Promise<Answer>) => answers.push([what, await answer]);
    const cookie = browserHeaders({ [sessionCookieName]: full, [pendingCookieName]: pending });
    for (const { method, path } of listRoutes()) {
      await add(`${method} ${path}`, exchange(path, { method }));
      if (method === "GET") await add(`${method} ${path} signed in`, exchange(path, { headers: cookie }));
    }
    const [login, verification] = calls as [JsonCall, JsonCall];
    await add("401", sendTo(login, JSON.stringify(login.body)));
    await add("422", sendTo(login, "{}"));
    await add("400", sendTo(login, "{"));
    await add("415", sendTo(login, "{}", { "Content-Type": "text/plain" }));
    await add("413", sendTo(login, "x".repeat(20_000)));
    await add("403", exchange(`${base}/login`, { method: "POST", headers: { Origin: "null" } }));
    await add("404", exchange(`${base}/nothing`));
    await add("404 page", exchange(`${base}/nothing`, { headers: { Accept: "text/html" } }));
    await add("404 without an origin", exchange("/nothing", { headers: { Accept: "text/html" } }));
    await add("405", exchange(`${base}/login`));
    await add("303", exchange(base));
    await add("200 login", new Client().login(account));
    await add("200 setup", new Client().post("/totp/setup", {}, { token: full }));
    const right = { ...verification.body, code: await code(account.secret) };
    await add("200 verify", sendTo(verification, JSON.stringify(right)));
    await query("UPDATE users SET second_factor_blocked_until = ?", Date.now() + 60_000);
    await add("429", new Client().post("/step-up", { code: "123456" }, { token: full }));
    const broken = new Client(environment({ DB: failAlways(env.DB) }));
    await add("503", broken.call("/session", { token: full }));
    await add("503 page", broken.call("/account", { headers: cookie }));
    const unreadable = await visit(gated(), "/%zz%", {});
    await add("the gate: 400", asAnswer(unreadable));
    await add("the gate: 401", asAnswer(await visit(gated(), "/private")));
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("refused"));
    await add("the gate: 502", asAnswer(await visit(gated([{ path: "/*", require: "none" }]), "/")));
    return answers;
  }

  const asAnswer = async (response: Response): Promise<Answer> => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    json: null,
  });

  it("WB-03 are there whatever the Worker answers by itself, errors as well", async () => {
    const answers = await everyAnswer();
    const statuses = new Set(answers.map(([, { status }]) => status));
    expect([...statuses].toSorted()).toEqual([
      200, 303, 400, 401, 403, 404, 405, 410, 413, 415, 422, 429, 502, 503,
    ]);
    for (const [what, answer] of answers) expectOwnHeaders(`${what}: ${answer.status}`, answer);
  });

  it("WB-03 are there when the configuration is not valid", async () => {
    const answer = await new Client(environment({ KEYRING: "nonsense" })).call("/session");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("nonsense");
    expectOwnHeaders("misconfigured", answer);
  });

  it("SE-13 keep every answer but assets and public keys out of caches", async () => {
    for (const [what, answer] of await everyAnswer()) {
      const cacheControl = answer.headers.get("Cache-Control");
      const isPublic = answer.status === 200 && /assets|jwks/.test(what);
      expect([what, cacheControl]).toEqual([what, isPublic ? "public, max-age=300" : "no-store"]);
      if (isPublic) expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });

  it("WB-06 name the content's type and, where a type has one, its character set", async () => {
    for (const [what, answer] of await everyAnswer()) {
      if (answer.text === "") continue;
      const type = answer.headers.get("Content-Type") ?? "none";
      // JSON has no character set to name (RFC 8259 11).
      expect([what, type]).toEqual([
        what,
        expect.stringMatching(
          /^(application\/json|application\/problem\+json; charset=utf-8|text\/(html|css|javascript); charset=utf-8)$/i,
        ),
      ]);
    }
  });

  it("WB-11 come with a body that tells nothing about the inside", async () => {
    for (const [what, answer] of await everyAnswer()) {
      if (answer.status < 400) continue;
      for (const inner of [
        "D1_ERROR",
        "SQLITE",
        "SELECT ",
        "drizzle",
        ".ts:",
        "    at ",
        "TypeError",
        "ZodError",
      ]) {
        expect([what, answer.text.includes(inner)]).toEqual([what, false]);
      }
    }
  });
});
