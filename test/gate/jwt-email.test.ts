import type { JWTPayload } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { getConfig } from "../../src/runtime.ts";
import { jwtHeader, mockProvider } from "../support/first-factors.ts";
import { endpoints } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import type { IdentityProvider } from "../support/identity-provider.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { base, environment, type Overrides } from "../support/worker.ts";

let site: Site;
let provider: IdentityProvider;

useFreshWorker();
beforeEach(async () => {
  site = openSite();
  provider = await mockProvider(site);
});

const byEmail = { JWT_USER_CLAIM: "email" };

/** Whom the origin is told of, by name and address, at the gate and at both endpoints. Null: the request does not pass. */
async function told(claims: JWTPayload, overrides: Overrides = {}): Promise<(string | null)[] | null> {
  const variables = { ...provider.variables, ENROLMENT: "optional", ...overrides };
  const atGate = new Browser(variables);
  const atEndpoint = new Browser({ ...variables, ORIGIN_URL: "" });
  for (const browser of [atGate, atEndpoint]) browser.added[jwtHeader] = await provider.token(claims);
  const reached = site.pages.length;
  await atGate.script("/inbox");
  const { headers } = site.pages[reached] ?? {};
  const found = headers === undefined ? null : [headers.get("Remote-User"), headers.get("Remote-Email")];
  for (const endpoint of endpoints) {
    const asked = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/inbox" };
    const answer = await atEndpoint.script(base + endpoint, { headers: asked });
    const names = ["Remote-User", "Remote-Email"].map((name) => answer.headers.get(name) || null);
    expect(answer.status === 200 ? names : null).toEqual(found);
  }
  return found;
}

const unverified = [false, "false", 0, 1, null, "", "no", "TRUE", [], {}];
const ada = ["ada@idp.test", "ada@idp.test"];

describe("JWT_USER_CLAIM=email", () => {
  it("INC-27 names an account only when the provider says that the address is verified", async () => {
    expect(await told({ email_verified: true }, byEmail)).toEqual(ada);
    for (const said of [undefined, "true", ...unverified])
      expect([said, await told({ email_verified: said }, byEmail)]).toEqual([said, null]);
  });

  it("names an account without that claim where the operator says that the provider verifies every address", async () => {
    const always = { ...byEmail, JWT_EMAIL_VERIFIED: "always" };
    for (const said of [undefined, true, "true"])
      expect([said, await told({ email_verified: said }, always)]).toEqual([said, ada]);
    for (const said of unverified)
      expect([said, await told({ email_verified: said }, always)]).toEqual([said, null]);
  });
});

describe("the email claim, where another one names the account", () => {
  it("INC-27 is handed on unless the token says that it is not verified", async () => {
    for (const said of [undefined, true, "true"])
      expect([said, await told({ email_verified: said })]).toEqual([said, ["ada", "ada@idp.test"]]);
    for (const said of unverified) {
      for (const JWT_EMAIL_VERIFIED of ["claim", "always"])
        expect([said, await told({ email_verified: said }, { JWT_EMAIL_VERIFIED })]).toEqual([
          said,
          ["ada", null],
        ]);
    }
  });

  it("says nothing of another claim that JWT_EMAIL_CLAIM names", async () => {
    const claims = { mail: "al@idp.test", email_verified: false };
    expect(await told(claims, { JWT_EMAIL_CLAIM: "mail" })).toEqual(["ada", "al@idp.test"]);
  });

  it.each([" ada@idp.test", "ada@idp.test\u00a0", "m\ufffdller@idp.test"])(
    "INC-36 is none with blanks around it, or with bytes that are not UTF-8: %j",
    async (email) => {
      expect(await told({ email })).toEqual(["ada", null]);
    },
  );
});

describe("JWT_EMAIL_VERIFIED", () => {
  it("is claim or always", () => {
    const config = (JWT_EMAIL_VERIFIED?: string) =>
      getConfig(environment({ ...provider.variables, JWT_EMAIL_VERIFIED })).firstFactor;
    expect(config()).toMatchObject({ emailVerified: "claim" });
    expect(config("always")).toMatchObject({ emailVerified: "always" });
    for (const value of ["", "true", "never"]) expect(() => config(value)).toThrow("JWT_EMAIL_VERIFIED");
  });
});
