import {
  base64url,
  CompactSign,
  EncryptJWT,
  exportSPKI,
  FlattenedSign,
  generateSecret,
  UnsecuredJWT,
} from "jose";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { getConfig } from "../../src/runtime.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  generateKey,
  IdentityProvider,
  type SigningKey,
  seconds,
  signWith,
} from "../support/identity-provider.ts";
import { Browser, openSite, originVariables, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import { environment } from "../support/worker.ts";

let key: SigningKey;
let elliptic: SigningKey;
let attacker: SigningKey;
let site: Site;
let idp: IdentityProvider;
let fetched: string[];

beforeAll(async () => {
  key = await generateKey("k1");
  elliptic = await generateKey("k2", "ES256");
  attacker = await generateKey("k1");
});
useFreshWorker();
beforeEach(() => {
  site = openSite();
  idp = new IdentityProvider(key, elliptic);
  fetched = [];
  const stand = idp.beside(site);
  vi.mocked(fetch).mockImplementation((input, init) => {
    fetched.push(new Request(input as RequestInfo, init as RequestInit).url);
    return stand(input, init);
  });
});

const visit = (token: string, overrides = {}) =>
  new Browser({ ...idp.variables, ...overrides }).script("/inbox", {
    headers: { "Cf-Access-Jwt-Assertion": token },
  });

/** Who is known by the token: a name, or the code of the refusal. */
async function knownBy(token: string, overrides = {}): Promise<string> {
  const response = await visit(token, { ...overrides, ENROLMENT: "optional" });
  if (response.status === 200) return site.lastPage.headers.get("Remote-User") ?? "";
  const { code } = (await response.json()) as { code: string };
  return `${response.status} ${code}`;
}

const refused = "401 unauthenticated";
const bytes = (text: string) => new TextEncoder().encode(text);
const part = (value: unknown) => base64url.encode(JSON.stringify(value));

/** A token under a key that everybody knows: one that was made of the provider's public key. */
async function hmac(secret: Uint8Array, alg = "HS256"): Promise<string> {
  const payload = bytes(JSON.stringify(idp.claims()));
  return new CompactSign(payload).setProtectedHeader({ alg, kid: "k1" }).sign(secret);
}

describe("a good token", () => {
  it("names its person, by any of the allowed algorithms and keys", async () => {
    expect(await knownBy(await idp.token())).toBe("ada");
    const es256 = await signWith(elliptic, idp.claims());
    expect(await knownBy(es256, { JWT_ALGORITHMS: "RS256,ES256" })).toBe("ada");
    expect(await knownBy(es256)).toBe(refused);
  });

  it("may name several audiences, and no key id where only one key fits", async () => {
    expect(await knownBy(await idp.token({ aud: ["other", idp.audience] }))).toBe("ada");
    expect(await knownBy(await signWith(key, idp.claims(), { kid: undefined }))).toBe("ada");
  });

  it("names its person in the claims that are configured", async () => {
    const token = await idp.token({ preferred_username: "Ada.L", mail: "al@idp.test" });
    const overrides = { JWT_USER_CLAIM: "preferred_username", JWT_EMAIL_CLAIM: "mail" };
    expect(await knownBy(token, overrides)).toBe("Ada.L");
    expect(site.lastPage.headers.get("Remote-Email")).toBe("al@idp.test");
    expect(await knownBy(token, { JWT_USER_CLAIM: "upn" })).toBe(refused);
  });

  it("has no address where the claim is none", async () => {
    for (const email of [undefined, null, "", 17, ["a@b"], "a\nb@idp.test", `${"a".repeat(250)}@b.de`]) {
      expect(await knownBy(await signWith(key, { ...idp.claims(), email }))).toBe("ada");
      expect(site.lastPage.headers.get("Remote-Email")).toBeNull();
    }
  });

  it.each(["iat", "nbf"])("may be a minute ahead in %s, because clocks differ", async (claim) => {
    expect(await knownBy(await idp.token({ [claim]: seconds() + 60 }))).toBe("ada");
  });

  it("may have ended less than a minute ago, because clocks differ", async () => {
    expect(await knownBy(await idp.token({ exp: seconds() - 59 }))).toBe("ada");
  });
});

/** By what is wrong: how to make such a token. */
const mutations: Record<string, () => Promise<string> | string> = {
  "no algorithm": () => {
    const { iss = "", aud = "" } = idp.claims();
    return new UnsecuredJWT({ sub: "ada" })
      .setIssuer(iss)
      .setAudience(aud)
      .setIssuedAt(seconds())
      .setExpirationTime(seconds() + 300)
      .encode();
  },
  "no algorithm, in another case": () => `${part({ alg: "nOnE", kid: "k1" })}.${part(idp.claims())}.`,
  "no algorithm, and the signature of a good one": async () =>
    `${part({ alg: "none" })}.${part(idp.claims())}.${(await idp.token()).split(".")[2]}`,
  "the public key, as PEM, for a shared secret": async () => hmac(bytes(await exportSPKI(key.publicKey))),
  "the public key, as JWK, for a shared secret": () => hmac(bytes(JSON.stringify(key.jwk))),
  "the public key's modulus for a shared secret": () => hmac(base64url.decode(key.jwk.n ?? "")),
  "the public key for a longer shared secret": () => hmac(bytes(JSON.stringify(key.jwk)), "HS512"),
  "an algorithm that is not allowed, with the right key": async () => {
    const pss = await crypto.subtle.importKey(
      "jwk",
      { ...(await crypto.subtle.exportKey("jwk", key.privateKey)), alg: "PS256" } as JsonWebKey,
      { name: "RSA-PSS", hash: "SHA-256" },
      true,
      ["sign"],
    );
    return signWith({ ...key, alg: "PS256", privateKey: pss }, idp.claims());
  },
  "an algorithm that is not allowed, with another key of the provider": () =>
    signWith(elliptic, idp.claims()),
  "an algorithm that does not fit its key": async () =>
    `${part({ alg: "RS256", kid: "k2" })}.${(await idp.token()).split(".").slice(1).join(".")}`,
  "another audience": () => idp.token({ aud: "another" }),
  "several other audiences": () => idp.token({ aud: ["another", "site-audience2"] }),
  "an audience that begins like the right one": () => idp.token({ aud: "site-audience-2" }),
  "no audience": () => signWith(key, { ...idp.claims(), aud: undefined }),
  "another issuer": () => idp.token({ iss: "https://team.idp.test/" }),
  "no issuer": () => signWith(key, { ...idp.claims(), iss: undefined }),
  "a list for an issuer": () => signWith(key, { ...idp.claims(), iss: [idp.issuer] }),
  "its end behind it": () => idp.token({ exp: seconds() - 61 }),
  "its end a minute behind it": () => idp.token({ exp: seconds() - 60 }),
  "no end": () => signWith(key, { ...idp.claims(), exp: undefined }),
  "a text for an end": () => signWith(key, { ...idp.claims(), exp: String(seconds() + 300) }),
  "its beginning in the future": () => idp.token({ nbf: seconds() + 61 }),
  "its beginning far in the future": () => idp.token({ nbf: Number.MAX_SAFE_INTEGER, exp: 1e308 }),
  "a text for a beginning": () => signWith(key, { ...idp.claims(), nbf: "0" }),
  "been issued in the future": () => idp.token({ iat: seconds() + 61 }),
  "a text for when it was issued": () => signWith(key, { ...idp.claims(), iat: "0" }),
  "nobody's name": () => signWith(key, { ...idp.claims(), sub: undefined }),
  "null for a name": () => signWith(key, { ...idp.claims(), sub: null }),
  "a number for a name": () => signWith(key, { ...idp.claims(), sub: 17 }),
  "a list for a name": () => signWith(key, { ...idp.claims(), sub: ["ada"] }),
  "an object for a name": () => signWith(key, { ...idp.claims(), sub: { name: "ada" } }),
  "an empty name": () => idp.token({ sub: "" }),
  "a name of blanks": () => idp.token({ sub: "  " }),
  "a name with a control character": () => idp.token({ sub: "a\u0000da" }),
  "a list for a payload": () => signWith(key, [idp.claims()]),
  "a text for a payload": () => signWith(key, "ada"),
  "its own key in jwk": () => signWith(attacker, idp.claims(), { jwk: attacker.jwk }),
  "its own key in jwk, and no key id": () =>
    signWith(attacker, idp.claims(), { jwk: attacker.jwk, kid: undefined }),
  "the address of its own key in jku": () =>
    signWith(attacker, idp.claims(), { jku: "https://evil.test/keys" }),
  "the address of its own key in x5u": () =>
    signWith(attacker, idp.claims(), { x5u: "https://evil.test/cert.pem" }),
  "the address of its own keys in its key id": () =>
    signWith(attacker, idp.claims(), { kid: "https://evil.test/keys#k1" }),
  "its own certificate in x5c": () => signWith(attacker, idp.claims(), { x5c: [attacker.jwk.n] }),
  "a key id that nobody knows": () => signWith(key, idp.claims(), { kid: "k9" }),
  "a key id that every object has": () => signWith(key, idp.claims(), { kid: "constructor" }),
  "the signature of another key under the same key id": () => signWith(attacker, idp.claims()),
  "no key id, and the signature of another key": () => signWith(attacker, idp.claims(), { kid: undefined }),
  "another payload than the signed one": async () => {
    const [header, , signature] = (await idp.token()).split(".");
    return `${header}.${part(idp.claims({ sub: "root" }))}.${signature}`;
  },
  "another header than the signed one": async () => {
    const [, payload, signature] = (await idp.token()).split(".");
    return `${part({ alg: "RS256", kid: "k1", typ: "x" })}.${payload}.${signature}`;
  },
  "a bit of its signature changed": async () => {
    const [header, payload, signature = ""] = (await idp.token()).split(".");
    const changed = base64url.decode(signature);
    changed[0] = (changed[0] ?? 0) ^ 1;
    return `${header}.${payload}.${base64url.encode(changed)}`;
  },
  "an empty signature": async () => `${(await idp.token()).split(".").slice(0, 2).join(".")}.`,
  "no signature": async () => (await idp.token()).split(".").slice(0, 2).join("."),
  "lost its last character": async () => (await idp.token()).slice(0, -2),
  "lost its first character": async () => (await idp.token()).slice(1),
  "one part too many": async () => `${await idp.token()}.x`,
  "itself behind it": async () => {
    const token = await idp.token();
    return `${token}, ${token}`;
  },
  "another token before it": async () => `${await signWith(attacker, idp.claims())}, ${await idp.token()}`,
  "a header that must be understood": () =>
    new CompactSign(bytes(JSON.stringify(idp.claims())))
      .setProtectedHeader({ alg: "RS256", kid: "k1", crit: ["x"], x: 1 })
      .sign(key.privateKey, { crit: { x: true } }),
  "a payload that is not encoded (RFC 7797)": async () => {
    const signed = await new FlattenedSign(bytes("x"))
      .setProtectedHeader({ alg: "RS256", kid: "k1", b64: false, crit: ["b64"] })
      .sign(key.privateKey);
    return `${signed.protected}.x.${signed.signature}`;
  },
  "been encrypted instead of signed": async () =>
    new EncryptJWT(idp.claims())
      .setProtectedHeader({ alg: "dir", enc: "A128GCM" })
      .encrypt((await generateSecret("A128GCM")) as CryptoKey),
  "the form of JSON": async () =>
    JSON.stringify(
      await new FlattenedSign(bytes(JSON.stringify(idp.claims())))
        .setProtectedHeader({ alg: "RS256", kid: "k1" })
        .sign(key.privateKey),
    ),
  "no form at all": () => "garbage",
  "dots only": () => "..",
  "two times Bearer": async () => `Bearer Bearer ${await idp.token()}`,
  "been made by this Worker for the site": async () => {
    await knownBy(await idp.token());
    return site.lastPage.headers.get("X-Sallyport-Assertion") ?? "";
  },
};

describe("a bad token", () => {
  it.each(Object.entries(mutations))("SE-15 is rejected when it has %s", async (_what, make) => {
    const token = await make();
    expect(token.length).toBeGreaterThan(1);
    const reached = site.pages.length;
    const users = await query("SELECT id FROM users");
    // A comma is where the runtime joins two lines of a header.
    expect(await knownBy(token)).toBe(token.includes(",") ? "401 ambiguous_credentials" : refused);
    expect(site.pages).toHaveLength(reached);
    expect(await query("SELECT id FROM users")).toEqual(users);
    expect(fetched.filter((url) => url.includes("evil"))).toEqual([]);
  });

  it("SE-15 opens nothing as the Worker's own session, and the Worker's session nothing as a token", async () => {
    const browser = new Browser(idp.variables);
    browser.cookies.set("__Host-sallyport", await idp.token());
    expect((await browser.script("/inbox")).status).toBe(401);
    const insider = new Browser({ ...idp.variables, ENROLMENT: "optional" });
    insider.added["Cf-Access-Jwt-Assertion"] = await idp.token();
    await insider.load("/inbox");
    expect(await knownBy(insider.cookies.get("__Host-sallyport") ?? "")).toBe(refused);
  });
});

describe("the variables of an identity provider", () => {
  const problems = (overrides: Record<string, unknown>): string => {
    try {
      getConfig(environment({ ...originVariables, ...idp.variables, ...overrides }));
      return "";
    } catch (error) {
      return String(error);
    }
  };

  it.each([
    ["JWT_JWKS_URL", undefined],
    ["JWT_JWKS_URL", "/keys"],
    ["JWT_JWKS_URL", "file:///keys"],
    ["JWT_ISSUER", undefined],
    ["JWT_ISSUER", ""],
    ["JWT_AUDIENCE", undefined],
    ["JWT_AUDIENCE", ""],
    ["JWT_ALGORITHMS", "none"],
    ["JWT_ALGORITHMS", "HS256"],
    ["JWT_ALGORITHMS", "RS256,HS256"],
    ["JWT_ALGORITHMS", "rs256"],
    ["JWT_ALGORITHMS", ""],
    ["JWT_SOURCE", "X-Token"],
    ["JWT_SOURCE", "query:token"],
    ["JWT_SOURCE", "header:"],
    ["JWT_USER_CLAIM", ""],
  ])("SE-15 are refused when %s is %s", (name, value) => {
    expect(problems({ [name]: value })).toContain(name);
    expect(problems({})).toBe("");
  });
});
