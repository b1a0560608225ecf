import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  gated,
  mintSessionToken,
  mockOrigin,
  originUrl,
  pageLoad,
  scripted,
  secondsAgo,
  visit,
} from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";

let logged: string[];

useFreshWorker();
beforeEach(() => {
  logged = collectLogLines();
});

describe("when the store does not answer", () => {
  const broken = () => gated([{ path: "/public", require: "none" }], { DB: failAlways(env.DB) });

  it.each([
    ["a page load", pageLoad, "text/html"],
    ["a program", scripted, "application/problem+json"],
  ])(
    "INC-20 WB-13 a stale session does not pass: 503 to %s, and the origin is not reached",
    async (_who, headers, type) => {
      const origin = mockOrigin();
      const session = await mintSessionToken({ checkedAt: secondsAgo(61) });
      const response = await visit(broken(), "/a", { session, headers });
      expect(response.status).toBe(503);
      expect(response.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
      expect(response.headers.get("Content-Type")).toContain(type);
      expect(origin.requests).toEqual([]);
    },
  );

  it("WB-11 says so without the store's own words, to the visitor and in the log", async () => {
    mockOrigin();
    const session = await mintSessionToken({ checkedAt: secondsAgo(61) });
    for (const headers of [pageLoad, scripted]) {
      const text = await (await visit(broken(), "/a", { session, headers })).text();
      expect(text).toContain("store_unavailable");
      expect(text).not.toMatch(/D1|SELECT|injected|\bat .*\.ts/);
    }
    expect(logged.join("\n")).toContain("store_unavailable");
    expect(logged.join("\n")).not.toContain(session);
  });

  it("INC-20 a fresh session passes, because it needs no store", async () => {
    const origin = mockOrigin();
    expect((await visit(broken(), "/a", { session: await mintSessionToken() })).status).toBe(200);
    expect(origin.only().headers.get("Remote-User")).toBe("ada");
  });

  it("INC-20 a stale session passes as anonymous on public paths", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken({ checkedAt: secondsAgo(61) });
    expect((await visit(broken(), "/public", { session })).status).toBe(200);
    const seen = [...origin.only().headers.keys()];
    expect(seen.filter((name) => /^(remote-|x-sallyport)/.test(name))).toEqual([]);
    expect((await visit(broken(), "/public")).status).toBe(200);
  });

  it("INC-20 a visitor without a session is redirected to sign-in", async () => {
    const origin = mockOrigin();
    expect((await visit(broken(), "/a", { headers: pageLoad })).status).toBe(303);
    expect(origin.requests).toEqual([]);
  });

  it("INC-20 KV has no say at the gate", async () => {
    const origin = mockOrigin();
    const BLOCKS = new Proxy({}, { get: () => () => Promise.reject(new Error("KV is down")) });
    expect((await visit(gated([], { BLOCKS }), "/a", { session: await mintSessionToken() })).status).toBe(
      200,
    );
    expect(origin.requests).toHaveLength(1);
  });
});

describe("when the origin does not answer", () => {
  const fail = () => Promise.reject(new TypeError("connect ECONNREFUSED 10.0.0.7:8080"));

  it.each([
    ["a page", pageLoad, "text/html"],
    ["a problem document", scripted, "application/problem+json"],
  ])(
    "gives 502 as %s, says when to try again, and nothing about the inside",
    async (_what, headers, type) => {
      mockOrigin(fail);
      const response = await visit(gated(), "/a", { session: await mintSessionToken(), headers });
      expect(response.status).toBe(502);
      expect(response.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
      expect(response.headers.get("Content-Type")).toContain(type);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      const text = await response.text();
      expect(text).toContain("origin_unavailable");
      expect(text).not.toMatch(/ECONNREFUSED|10\.0\.0\.7|TypeError/);
      expect(logged.join("\n")).toContain("ECONNREFUSED");
    },
  );

  it("keeps a session that has just been renewed", async () => {
    const session = await fullToken(await createReadyAccount());
    advance(60);
    mockOrigin(fail);
    const response = await visit(gated(), "/a", { session });
    expect(response.status).toBe(502);
    vi.mocked(fetch).mockRestore();
    mockOrigin();
    expect((await visit(gated(), "/a", { session })).status).toBe(200);
  });

  it.each([400, 401, 404, 500, 502, 503])("leaves the origin's own %d alone", async (status) => {
    mockOrigin(() => new Response("mine", { status, headers: { "X-Origin": originUrl } }));
    const response = await visit(gated(), "/a", { session: await mintSessionToken(), headers: pageLoad });
    expect([response.status, await response.text()]).toEqual([status, "mine"]);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "text/plain;charset=UTF-8",
      "x-origin": originUrl,
    });
  });
});
