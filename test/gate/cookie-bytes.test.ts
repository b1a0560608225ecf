import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createOriginHeaders } from "../../src/gate/headers.ts";
import { sallyportCookieNames } from "../../src/http/cookies.ts";
import { getConfig } from "../../src/runtime.ts";
import { gated } from "../support/gate.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

/** The names of the headers that are set while the headers for the origin are made. */
function setNames(Cookie: string, overrides = {}) {
  const set = vi.spyOn(Headers.prototype, "set");
  const config = getConfig(gated([], overrides));
  const input = { signedIdentity: null, address: null, publicOrigin: "https://site.example", site: null };
  createOriginHeaders(new Headers({ Cookie }), { ...input, ownCookies: sallyportCookieNames, config });
  const names = set.mock.calls.map(([name]) => name);
  set.mockRestore();
  return names;
}

describe("the Cookie header for the origin", () => {
  it("is the client's, byte for byte, when it has no cookie of Sallyport: test/e2e/raw-cookies.test.ts", () => {
    for (const cookies of ["a=1", "a=\uFFFD", '  b="x, y"; c = 1; ', "a=1, b=2"])
      expect([cookies, setNames(cookies)]).toEqual([cookies, expect.not.arrayContaining(["Cookie"])]);
    expect(setNames("a=1; __Host-sallyport=t")).toContain("Cookie");
  });

  it("INC-36 is the text that the who-am-I gets, with FIRST_FACTOR=origin", () => {
    const login = {
      FIRST_FACTOR: "origin",
      WHOAMI_URL: "/me",
      WHOAMI_USER: "json:/user",
      ORIGIN_COOKIES: "sid",
    };
    expect(setNames("a=\uFFFD", login)).toContain("Cookie");
    expect(setNames("a=1", login)).not.toContain("Cookie");
  });
});
