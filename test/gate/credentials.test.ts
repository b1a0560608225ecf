import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { generateSessionSecret, signPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import {
  gated,
  mintSessionToken,
  mockOrigin,
  pageLoad,
  secondsAgo,
  visit,
  workersKeyring,
} from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

describe("garbage in the place of a session", () => {
  const garbage = [
    "",
    "x",
    "null",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.e30.",
    '"',
    '"a.b.c"',
    "%",
    "%zz",
    "%00",
    "é",
    "__Host-sallyport",
    "pending_a.b.c",
    "{}",
    "a".repeat(8000),
    `${"e30.".repeat(500)}`,
  ];

  it.each(garbage)("INC-02 the cookie %j is no cookie", async (value) => {
    const origin = mockOrigin();
    const bindings = gated([{ path: "/public", require: "none" }]);
    const headers = { Cookie: `__Host-sallyport=${value}; __Host-sallyport-pending=${value}` };
    expect((await visit(bindings, "/a", { headers })).status).toBe(401);
    expect((await visit(bindings, "/a", { headers: { ...headers, ...pageLoad } })).status).toBe(303);
    expect(origin.requests).toEqual([]);
    expect((await visit(bindings, "/public", { headers })).status).toBe(200);
    expect(origin.only().headers.has("Remote-User")).toBe(false);
  });

  it.each(garbage)("INC-02 the bearer token %j is no token", async (value) => {
    const origin = mockOrigin();
    const headers = { Authorization: `Bearer ${value}` };
    expect((await visit(gated(), "/a", { headers })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });

  it.each(["=", ";", ";;;=;", "__Host-sallyport", "__Host-sallyport;=", "=__Host-sallyport=x", "\u00a0=1"])(
    "INC-02 the header %j holds no cookie",
    async (cookie) => {
      const origin = mockOrigin();
      expect((await visit(gated(), "/a", { headers: { Cookie: cookie } })).status).toBe(401);
      expect(origin.requests).toEqual([]);
    },
  );

  it("SE-01 a pending session opens nothing, wherever its token is put", async () => {
    const origin = mockOrigin();
    const expiresAt = new Date(Date.now() + 300_000);
    const claims = { sessionSecret: generateSessionSecret(), username: "ada", expiresAt };
    const pending = await signPendingSessionToken(workersKeyring(), claims, new Date());
    for (const token of [pending, pending.replace(/^pending_/, "")]) {
      for (const headers of [
        { Cookie: `__Host-sallyport=${token}` },
        { Cookie: `__Host-sallyport-pending=${token}` },
        { Authorization: `Bearer ${token}` },
      ])
        expect((await visit(gated(), "/a", { headers })).status).toBe(401);
    }
    expect(origin.requests).toEqual([]);
  });

  it("SE-07 a token that has expired is no token", async () => {
    const origin = mockOrigin();
    const session = await mintSessionToken({ expiresAt: secondsAgo(1) });
    expect((await visit(gated(), "/a", { session })).status).toBe(401);
    expect(origin.requests).toEqual([]);
  });
});
