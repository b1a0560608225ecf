import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { knownHeaders } from "../../scripts/examples/known-headers.ts";
import { separators } from "../../scripts/examples/name-patterns.ts";
import { isPlainHeaderName } from "../../src/gate/cleared-headers.ts";
import { findMisspelledHeader } from "../../src/gate/misspelled-headers.ts";
import { getConfig } from "../../src/runtime.ts";
import { ask, asked, endpoints } from "../support/forward-auth.ts";
import { mintSessionToken } from "../support/gate.ts";
import { environment } from "../support/worker.ts";

beforeEach(() => void vi.spyOn(console, "info").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const find = (name: string) => findMisspelledHeader(new Headers({ [name]: "x" }), getConfig(environment()));
const otherSeparators = separators.filter((separator) => separator !== "-");
const withParts = knownHeaders.filter((name) => name.includes("-"));

describe("a header of a proxy's question", () => {
  it.each(otherSeparators)("INC-35 INC-26 is found when %s stands in a cleared name", (separator) => {
    const everywhere = withParts.map((name) => name.replaceAll("-", separator));
    const once = withParts.map((name) => name.replace("-", separator));
    const last = withParts.map((name) => name.replace(/-(?=[^-]*$)/, separator));
    for (const name of [...everywhere, ...once, ...last]) expect(find(name)).toBe(name.toLowerCase());
  });

  it("INC-35 is left alone when it is spelled as a proxy spells it", () => {
    expect(knownHeaders.filter((name) => isPlainHeaderName(name) && find(name) !== null)).toEqual([]);
  });

  it.each([
    "$WSRU",
    "$wsat",
    "Content_Length",
    "content~length",
    "Transfer_Encoding",
    "SCRIPT_NAME",
    "PATH_INFO",
  ])(
    "INC-35 is found when a server reads it as a header that names a user, a path or the end of the body: %s",
    (name) => expect(find(name)).toBe(name.toLowerCase()),
  );

  it.each(["X_Request_Id", "Content_Type", "api.key", "remote", "X_Users", "X-User-Agent"])(
    "INC-35 is left alone when no cleared name is read in it: %s",
    (name) => expect(find(name)).toBeNull(),
  );
});

describe.each(endpoints)("a question to %s", (endpoint) => {
  const open = [{ path: "/*", require: "none" }] as const;
  const names = ["Remote_User", "Remote~User", "X.Forwarded-User", "X-Rewrite_URL", "X_HTTP_Method_Override"];

  it.each(names)("INC-35 INC-08 is rejected for %s, and names no account", async (name) => {
    const session = await mintSessionToken();
    for (const visitor of [{}, { session }]) {
      const answer = await ask(asked(open), endpoint, { ...visitor, headers: { [name]: "root" } });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("X-Sallyport-Assertion")).toBeNull();
      expect(await answer.json()).toMatchObject({
        code: "forbidden",
        detail: expect.stringContaining(`"${name.toLowerCase()}"`),
      });
    }
  });

  it.each<[string, Record<string, string>]>([
    ["password", { FIRST_FACTOR: "password" }],
    [
      "origin",
      {
        FIRST_FACTOR: "origin",
        WHOAMI_URL: "https://origin.test/me",
        WHOAMI_USER: "json:/name",
        ORIGIN_COOKIES: "sid",
      },
    ],
    [
      "jwt",
      {
        FIRST_FACTOR: "jwt",
        JWT_JWKS_URL: "https://idp.test/keys",
        JWT_ISSUER: "https://idp.test",
        JWT_AUDIENCE: "site",
      },
    ],
    ["proxy", { FIRST_FACTOR: "proxy" }],
  ])(
    "INC-35 is refused with the first factor %s, with SESSION_RECHECK 0 and 60",
    async (_name, variables) => {
      for (const SESSION_RECHECK of ["0", "60"]) {
        const bindings = asked(open, { ...variables, SESSION_RECHECK });
        expect((await ask(bindings, endpoint, { headers: { "Remote.User": "root" } })).status).toBe(403);
        expect((await ask(bindings, endpoint)).status).toBe(200);
      }
    },
  );

  it("INC-35 passes with the headers that proxies set, and others of the client", async () => {
    const headers = {
      "X-Forwarded-For": "203.0.113.7",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "site.example",
      "X-Forwarded-Port": "443",
      "X-Real-Ip": "203.0.113.7",
      "Cf-Access-Jwt-Assertion": "x",
      x_request_id: "1",
    };
    expect((await ask(asked(open), endpoint, { headers })).status).toBe(200);
  });
});
