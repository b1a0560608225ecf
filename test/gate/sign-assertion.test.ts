import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import type { AssertedIdentity, AssertedScope } from "../../src/core/tokens/assertion.ts";
import type { Deps } from "../../src/domain/deps.ts";
import { IsolateCache } from "../../src/domain/isolate-cache.ts";
import { signIdentityAssertion } from "../../src/gate/sign-assertion.ts";
import { keyringOf } from "../support/keyring.ts";

const config = { keyring: keyringOf("k1"), basePath: "/api/auth", originUrl: "route" } as Config;
const newDeps = () => ({ config, cache: new IsolateCache() }) as Deps;
let deps = newDeps();
beforeEach(() => {
  deps = newDeps();
});
const site = "https://site.example";
const now = new Date("2026-11-22T12:00:00Z");
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

const ada = (): AssertedIdentity => ({
  userId: "u-1",
  username: "ada",
  email: null,
  acr: "second_factor",
  amr: ["pwd", "otp"],
  authenticatedAt: now,
});

const scope: AssertedScope = { host: "site.example", pathPrefix: "/", methods: null };

const vouch = (identity: AssertedIdentity, at: Date, origin = site, judged = scope) =>
  signIdentityAssertion(deps, identity, origin, judged, at);

describe("what the gate vouches for", () => {
  it("is signed once for ten seconds, so that most of its minute is always left", async () => {
    const identity = ada();
    const first = await vouch(identity, now);
    expect(await vouch(identity, later(9.999))).toEqual(first);
    const second = await vouch(identity, later(10));
    expect(second).not.toEqual(first);
    const { iat = 0, exp = 0 } = decodeJwt(second?.assertion ?? "");
    expect([iat, exp]).toEqual([now.getTime() / 1000 + 10, now.getTime() / 1000 + 70]);
  });

  it("is signed anew for another host: issuer and audience are its own", async () => {
    const identity = ada();
    for (const origin of [site, "https://other.example", site]) {
      const vouched = await vouch(identity, now, origin);
      expect(decodeJwt(vouched?.assertion ?? "")).toMatchObject({ aud: origin, iss: `${origin}/api/auth` });
    }
  });

  it.each<[string, Partial<AssertedScope>, object]>([
    ["host", { host: "other.example" }, { host: "other.example" }],
    ["rule", { pathPrefix: "/feed$" }, { path: "/feed$" }],
    ["method", { methods: ["GET"] }, { methods: ["GET"] }],
  ])("INC-28 is signed anew for another %s, and kept for each", async (_what, change, claims) => {
    const identity = ada();
    const judged = { ...scope, ...change };
    const [first, other] = [await vouch(identity, now), await vouch(identity, now, site, judged)];
    expect(decodeJwt(other?.assertion ?? "")).toMatchObject(claims);
    expect(await vouch(identity, later(9))).toEqual(first);
    expect(await vouch(identity, later(9), site, { ...judged })).toEqual(other);
  });

  it("INC-28 is kept for no more than twenty scopes of a session", async () => {
    const identity = ada();
    const first = await vouch(identity, now);
    for (let i = 0; i < 19; i++) await vouch(identity, now, site, { ...scope, host: `h${i}.example` });
    expect(await vouch(identity, later(1))).toEqual(first);
    await vouch(identity, now, site, { ...scope, host: "h19.example" });
    expect(await vouch(identity, later(1))).not.toEqual(first);
  });

  it("is found again for a copy of the identity, and for copies of the dependencies", async () => {
    const identity = ada();
    const first = await vouch(identity, now);
    deps = { ...deps, config: { ...config, keyring: { ...config.keyring } } };
    expect(await vouch({ ...identity, amr: [...identity.amr] }, later(9))).toEqual(first);
  });

  it.each<[string, Partial<AssertedIdentity>]>([
    ["name", { username: "bob" }],
    ["email address", { email: "ada@site.example" }],
    ["level", { acr: "first_factor" }],
    ["method", { amr: ["pwd"] }],
    ["time", { authenticatedAt: later(1) }],
  ])("INC-28 is signed anew for another %s of the same account", async (_what, change) => {
    const first = await vouch(ada(), now);
    expect((await vouch({ ...ada(), ...change }, now))?.assertion).not.toBe(first?.assertion);
  });

  it("is never shared between sessions with the same claims", async () => {
    const [one, other] = [ada(), { ...ada(), userId: "u-2" }];
    await vouch(one, now);
    expect(decodeJwt((await vouch(other, now))?.assertion ?? "").sub).toBe("u-2");
  });

  it("is signed anew when the clock has gone back", async () => {
    const identity = ada();
    await vouch(identity, later(30));
    expect(decodeJwt((await vouch(identity, now))?.assertion ?? "").iat).toBe(now.getTime() / 1000);
  });

  it("is absent for an anonymous request", async () => {
    expect(await signIdentityAssertion(deps, null, site, scope, now)).toBeNull();
  });
});
