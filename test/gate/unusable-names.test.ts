import { CompactSign } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { jwtHeader, mockProvider } from "../support/first-factors.ts";
import { startFreshWorker, useFreshWorker } from "../support/fresh-worker.ts";
import { entryPoints, externalFactors, NamedSite } from "../support/named-site.ts";
import { Browser, openSite } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";

useFreshWorker();

const combinations = externalFactors.flatMap((factor) =>
  entryPoints.flatMap((entryPoint) => ["exact", "canonical"].map((names) => ({ factor, entryPoint, names }))),
);

let named: NamedSite;

describe.each(combinations)(
  "with FIRST_FACTOR=$factor, at $entryPoint, with EXTERNAL_NAMES=$names, a name",
  ({ factor, entryPoint, names }) => {
    beforeEach(async () => {
      named = await NamedSite.open(factor, entryPoint, { EXTERNAL_NAMES: names, ENROLMENT: "optional" });
    });

    it.each([
      ["INC-36 with bytes that are not UTF-8, which the runtime reads as U+FFFD", "m\ufffdller"],
      ["INC-27 with a character that is not visible", "a\u200bda"],
      ["INC-27 of more than 256 characters", "a".repeat(257)],
    ])("%s, is no account", async (_what, name) => {
      const visitor = await named.visitor(name);
      const response = await named.request(visitor);
      const unavailable = entryPoint === "/auth-request" ? 403 : 503;
      const signIn = entryPoint === "/auth-request" ? 401 : 303;
      expect(response.status).toBe(factor === "origin" ? unavailable : signIn);
      expect(await named.passes(visitor)).toBeNull();
      expect(await query("SELECT id FROM users")).toEqual([]);
    });
  },
);

describe("the who-am-I of a site with its own login", () => {
  const json = (bytes: BodyInit) => new Response(bytes, { headers: { "Content-Type": "application/json" } });
  const statusWith = async (body: BodyInit, overrides = {}) => {
    await startFreshWorker();
    const site = openSite();
    site.sessions.set("s1", "ada");
    site.whoAmI = () => json(body);
    const { status } = await Browser.signedIn("s1", { ENROLMENT: "optional", ...overrides }).load("/inbox");
    const users = await query<{ username: string }>("SELECT username FROM users");
    return [status, ...users.map(({ username }) => username)];
  };
  const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

  it("INC-36 is rejected when any part of it is not UTF-8", async () => {
    expect(await statusWith('{"user":{"name":"müller"}}')).toEqual([200, "müller"]);
    for (const text of ['{"user":{"name":"müller"}}', '{"motd":"schön","user":{"name":"ada"}}'])
      expect(await statusWith(latin1(text))).toEqual([503]);
    expect(await statusWith(latin1('{"user":{"name":"ada"}}Ã'))).toEqual([503]);
  });

  it("INC-27 names an account by a number only while JSON.parse does not round it", async () => {
    expect(await statusWith('{"user":{"name":9007199254740991}}')).toEqual([200, "9007199254740991"]);
    for (const number of ["9007199254740992", "9007199254740993", "-9007199254740993", "1.5", "1e400"])
      expect([number, ...(await statusWith(`{"user":{"name":${number}}}`))]).toEqual([number, 503]);
  });

  it("INC-27 names no account by a name that a header would change", async () => {
    for (const name of [" ada", "ada ", "\u3000ada", "ada\u00a0"]) {
      const body = JSON.stringify({ user: { name } });
      expect([name, ...(await statusWith(body))]).toEqual([name, 503]);
      expect(await statusWith(body, { EXTERNAL_NAMES: "canonical" })).toEqual([200, "ada"]);
    }
  });
});

describe("the token of an identity provider", () => {
  it("INC-36 is no identity when its name is not UTF-8", async () => {
    const site = openSite();
    const provider = await mockProvider(site);
    const [key] = provider.keys;
    if (key === undefined) throw new Error("The provider has no key");
    const { alg, kid, privateKey } = key;
    const text = JSON.stringify(provider.claims({ sub: "m?ller" }));
    const bytes = Uint8Array.from(text.replace("?", "\u00fc"), (character) => character.charCodeAt(0));
    const token = await new CompactSign(bytes).setProtectedHeader({ alg, kid }).sign(privateKey);
    const browser = new Browser({ ...provider.variables, ENROLMENT: "optional" });
    browser.added[jwtHeader] = token;
    expect((await browser.script("/inbox")).status).toBe(401);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });
});
