import type { JWK } from "jose";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { generateKey, IdentityProvider, type SigningKey, signWith } from "../support/identity-provider.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";

let keys: SigningKey[];
let elliptic: SigningKey;
let attacker: SigningKey;
let site: Site;
let idp: IdentityProvider;
let lines: string[];

beforeAll(async () => {
  keys = await Promise.all(Array.from({ length: 6 }, () => generateKey("k1")));
  elliptic = await generateKey("k1", "ES256");
  attacker = await generateKey("k1");
});
useFreshWorker();
beforeEach(() => {
  site = openSite();
  idp = new IdentityProvider(keyAt(0));
  lines = [];
  for (const level of ["warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line));
  vi.mocked(fetch).mockImplementation(idp.beside(site));
});

function keyAt(index: number): SigningKey {
  const key = keys[index];
  if (key === undefined) throw new Error(`There is no key ${index}`);
  return key;
}

const publish = (...jwks: object[]) => {
  idp.publish = () => Response.json({ keys: jwks });
};
const without = (jwk: JWK, ...names: (keyof JWK)[]): JWK =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name as keyof JWK)));

async function visit(key: SigningKey, header: Record<string, unknown> = {}): Promise<number> {
  const token = await signWith(key, idp.claims(), header);
  const headers = { "Cf-Access-Jwt-Assertion": token };
  return (await new Browser({ ...idp.variables, ENROLMENT: "optional" }).script("/inbox", { headers }))
    .status;
}

const eventsAboutKeys = () =>
  lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "identity_provider.several_keys_fit");

describe("a key set in which several keys fit a token", () => {
  it.each<[string, Record<string, unknown>, (jwk: JWK) => JWK]>([
    ["one key id for all keys", {}, (jwk) => jwk],
    ["no key ids", { kid: undefined }, (jwk) => without(jwk, "kid")],
    ["key ids that the token leaves out", { kid: undefined }, (jwk) => jwk],
    ["neither key ids nor algorithms", { kid: undefined }, (jwk) => without(jwk, "kid", "alg", "use")],
  ])(
    "accepts a token of each of its first four keys, and of no other one: %s",
    async (_what, header, shape) => {
      publish(...keys.map(({ jwk }) => shape(jwk)));
      for (const index of [0, 1, 2, 3])
        expect([index, await visit(keyAt(index), header)]).toEqual([index, 200]);
      for (const index of [4, 5]) expect([index, await visit(keyAt(index), header)]).toEqual([index, 401]);
      expect(await visit(attacker, header)).toBe(401);
      expect(idp.fetches).toBe(1);
    },
  );

  it("SE-15 tries no key of another type, for another use or another algorithm", async () => {
    const [good, other] = [keyAt(0).jwk, keyAt(1).jwk];
    publish(
      elliptic.jwk,
      { ...attacker.jwk, use: "enc" },
      { ...attacker.jwk, alg: "PS256" },
      { ...attacker.jwk, key_ops: ["encrypt"] },
      { ...attacker.jwk, kty: "oct", k: "AAAA" },
      { kty: "oct", k: attacker.jwk.n, alg: "HS256", kid: "k1" },
      other,
      good,
    );
    expect(await visit(keyAt(0))).toBe(200);
    expect(await visit(keyAt(1))).toBe(200);
    expect(await visit(attacker)).toBe(401);
    expect(await visit(elliptic)).toBe(401);
  });

  it("SE-15 still checks the claims of a token", async () => {
    publish(keyAt(0).jwk, keyAt(1).jwk);
    for (const claims of [{ aud: "another" }, { iss: "https://evil.test" }, { exp: 1 }, { sub: "" }]) {
      const headers = { "Cf-Access-Jwt-Assertion": await signWith(keyAt(1), idp.claims(claims)) };
      expect((await new Browser(idp.variables).script("/inbox", { headers })).status).toBe(401);
    }
  });

  it("is used although some of its keys are damaged", async () => {
    publish({ kty: "RSA", kid: "k1" }, { kty: "RSA", kid: "k1", n: "AQAB", e: "AQAB" }, keyAt(0).jwk);
    expect(await visit(keyAt(0))).toBe(200);
  });

  it("is logged with the issuer, once in ten minutes", async () => {
    publish(keyAt(0).jwk, keyAt(1).jwk);
    for (let i = 0; i < 5; i++) await visit(keyAt(i % 2));
    expect(eventsAboutKeys()).toEqual([
      expect.objectContaining({ level: "warn", issuer: idp.issuer, request_id: expect.any(String) }),
    ]);
    advance(600);
    await visit(keyAt(0));
    await visit(attacker);
    expect(eventsAboutKeys()).toHaveLength(2);
  });

  it("TH-07 costs at most four verifications, however many keys it has", async () => {
    const many = Array.from({ length: 500 }, () => ({ ...attacker.jwk }));
    publish(...many, keyAt(0).jwk);
    const verify = vi.spyOn(crypto.subtle, "verify");
    expect(await visit(keyAt(0))).toBe(401);
    const rsa = verify.mock.calls.filter(([algorithm]) => JSON.stringify(algorithm).includes("RSA"));
    expect(rsa).toHaveLength(4);
  });
});

describe("keys that can't be used", () => {
  it.each<[string, () => Response]>([
    ["one damaged key", () => Response.json({ keys: [{ kty: "RSA", kid: "k1", alg: "RS256" }] })],
    ["a list", () => Response.json([])],
    ["more than 256 KiB", () => Response.json({ keys: [keyAt(0).jwk], filler: "x".repeat(256 * 1024) })],
    ["a status 500", () => new Response("oops", { status: 500 })],
  ])("INC-20 are 503, and the log names the issuer: %s", async (_what, respond) => {
    idp.publish = respond;
    expect(await visit(keyAt(0))).toBe(503);
    const [line = "{}"] = lines.filter((text) => text.includes("first_factor_unavailable"));
    expect(JSON.parse(line)).toMatchObject({
      level: "error",
      error: expect.stringContaining(`The keys of ${idp.issuer} can't be used`),
    });
    expect(site.pages).toHaveLength(0);
  });
});
