import { type JWTPayload, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import {
  computeSessionId,
  type FullSessionClaims,
  generateSessionSecret,
  signFullSessionToken,
  signPendingSessionToken,
  verifyFullSessionToken,
  verifyPendingSessionToken,
} from "../../../src/core/tokens/session-token.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const now = new Date("2026-11-22T12:00:00Z");
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const keyring = keyringOf("k1");

const claims: FullSessionClaims = {
  sessionSecret: generateSessionSecret(),
  userId: "u-1",
  realm: "local",
  username: "жанна",
  email: "ada@example.com",
  enrolled: true,
  binding: null,
  amr: ["pwd", "otp"],
  firstFactorAt: later(-120),
  secondFactorAt: later(-60),
  checkedAt: now,
  expiresAt: later(3600),
};

const pendingClaims = { sessionSecret: generateSessionSecret(), username: "ada", expiresAt: later(300) };

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString());

/** Signs anything with the real key: what another part of the Worker, or an older release, might have signed. */
async function forge(payload: JWTPayload, header: object = {}, encoded = encode(payload)): Promise<string> {
  const key = await keyring.sessionTokenKey("k1");
  if (key === null) throw new Error("There is no key");
  const protectedHeader = { alg: "HS256", kid: "k1", typ: "sallyport-session+jwt", ...header };
  const input = `${encode(protectedHeader)}.${encoded}`;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(input));
  return `${input}.${Buffer.from(mac).toString("base64url")}`;
}

/** Header and payload of a real token, to be changed. */
async function dissect(claimed = claims) {
  const [header, payload, signature = ""] = (await signFullSessionToken(keyring, claimed)).split(".");
  return { header: decode(header), payload: decode(payload), signature };
}

describe("a full session's token", () => {
  it("says what was said to it", async () => {
    expect(await verifyFullSessionToken(keyring, await signFullSessionToken(keyring, claims), now)).toEqual(
      claims,
    );
  });

  it("says so of an account without e-mail address and second factor", async () => {
    const bare = { ...claims, email: null, enrolled: false, amr: ["pwd"], secondFactorAt: null };
    expect(await verifyFullSessionToken(keyring, await signFullSessionToken(keyring, bare), now)).toEqual(
      bare,
    );
  });

  it("never makes a factor younger than it is: times are cut to the second before", async () => {
    const exact = {
      ...claims,
      secondFactorAt: new Date(now.getTime() - 1),
      checkedAt: new Date(now.getTime() + 999),
    };
    const read = await verifyFullSessionToken(keyring, await signFullSessionToken(keyring, exact), now);
    expect(read?.secondFactorAt).toEqual(later(-1));
    expect(read?.checkedAt).toEqual(now);
  });

  it("SE-07 is over when it expires", async () => {
    const token = await signFullSessionToken(keyring, claims);
    expect(await verifyFullSessionToken(keyring, token, later(3599))).not.toBeNull();
    expect(await verifyFullSessionToken(keyring, token, later(3600))).toBeNull();
    expect(await verifyFullSessionToken(keyring, token, later(90_000))).toBeNull();
  });

  it("SE-15 is none without expiry, time of issue or audience, or with another audience", async () => {
    const { payload } = await dissect();
    expect(await verifyFullSessionToken(keyring, await forge(payload), now)).not.toBeNull();
    const { exp: _exp, ...withoutExp } = payload;
    const { iat: _iat, ...withoutIat } = payload;
    const { aud: _aud, ...withoutAud } = payload;
    const others = [
      withoutExp,
      withoutIat,
      withoutAud,
      { ...payload, aud: "origin" },
      { ...payload, aud: [] },
    ];
    for (const other of others)
      expect(await verifyFullSessionToken(keyring, await forge(other), now)).toBeNull();
  });

  it("SE-15 is none before its time", async () => {
    const { payload } = await dissect();
    const token = await forge({ ...payload, nbf: now.getTime() / 1000 + 60 });
    expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
    expect(await verifyFullSessionToken(keyring, token, later(60))).not.toBeNull();
  });

  it.each([undefined, "JWT", "at+jwt", "sallyport-pending+jwt", ""])(
    "SE-15 is none of the type %j",
    async (typ) => {
      const { payload } = await dissect();
      expect(await verifyFullSessionToken(keyring, await forge(payload, { typ }), now)).toBeNull();
    },
  );

  it.each(["sid", "sub", "realm", "name", "email", "enrolled", "amr", "ffa", "sfa"])(
    "SE-15 is none without %s, or with something else in it",
    async (name) => {
      const { payload } = await dissect();
      const { [name]: _left, ...rest } = payload;
      expect(await verifyFullSessionToken(keyring, await forge(rest), now)).toBeNull();
      expect(
        await verifyFullSessionToken(keyring, await forge({ ...payload, [name]: { $ne: 1 } }), now),
      ).toBeNull();
    },
  );

  it.each(["none", "None", "NONE", "nOnE", ""])("SE-15 is none with the algorithm %j", async (alg) => {
    const { header, payload, signature } = await dissect();
    const unsigned = `${encode({ ...header, alg })}.${encode(payload)}`;
    for (const end of [".", `.${signature}`, ""])
      expect(await verifyFullSessionToken(keyring, unsigned + end, now)).toBeNull();
  });

  it("SE-15 is refused without an error with another algorithm, even under the same key", async () => {
    const { header, payload } = await dissect();
    const bytes = crypto.getRandomValues(new Uint8Array(64));
    for (const alg of ["HS384", "HS512"]) {
      const token = await new SignJWT(payload).setProtectedHeader({ ...header, alg }).sign(bytes);
      await expect(verifyFullSessionToken(keyring, token, now)).resolves.toBeNull();
    }
    const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const signed = await new SignJWT(payload)
      .setProtectedHeader({ ...header, alg: "EdDSA" })
      .sign(pair.privateKey);
    await expect(verifyFullSessionToken(keyring, signed, now)).resolves.toBeNull();
  });

  it("SE-15 is none when the Worker's own public key, or an empty one, was taken for a secret", async () => {
    const { header, payload } = await dissect();
    const x = (await keyring.assertionKeys("k1"))?.publicX ?? "";
    for (const secret of [Buffer.from(x, "base64url"), new TextEncoder().encode(x), new Uint8Array(32)]) {
      const token = await new SignJWT(payload).setProtectedHeader(header).sign(secret);
      expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
    }
  });

  it("SE-15 is none that brings its key along: jwk, jku, x5u and x5c are not looked at", async () => {
    const { header, payload } = await dissect();
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    const k = Buffer.from(bytes).toString("base64url");
    const lures = {
      jwk: { kty: "oct", k },
      jku: "https://evil.example/jwks.json",
      x5u: "https://evil.example/cert.pem",
      x5c: ["MIIB"],
    };
    for (const lure of [lures, ...Object.entries(lures).map((entry) => Object.fromEntries([entry]))]) {
      const token = await new SignJWT(payload).setProtectedHeader({ ...header, ...lure }).sign(bytes);
      expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
      // Beside a right signature they change nothing.
      expect(await verifyFullSessionToken(keyring, await forge(payload, lure), now)).toEqual(claims);
    }
  });

  it.each([undefined, "", "k2", "K1", "../k1", "__proto__", 1, null, ["k1"]])(
    "SE-15 is none of the key %j",
    async (kid) => {
      const { payload } = await dissect();
      expect(await verifyFullSessionToken(keyring, await forge(payload, { kid }), now)).toBeNull();
    },
  );

  it.each([{ crit: ["x"], x: 1 }, { crit: [] }, { crit: "x", x: 1 }, { crit: ["exp"] }])(
    "SE-15 is rejected with %j, an unknown critical extension",
    async (extension) => {
      const { payload } = await dissect();
      expect(await verifyFullSessionToken(keyring, await forge(payload, extension), now)).toBeNull();
    },
  );

  it("SE-15 is none with a payload that is not encoded, or is no object", async () => {
    const { payload } = await dissect();
    const raw = await forge(payload, { crit: ["b64"], b64: false }, JSON.stringify(payload));
    expect(await verifyFullSessionToken(keyring, raw, now)).toBeNull();
    for (const other of ["null", "[]", '"x"', "7", "{", ""]) {
      const token = await forge(payload, {}, Buffer.from(other).toString("base64url"));
      expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
    }
  });

  it("SE-15 is none when any character of it is another one", async () => {
    const token = await signFullSessionToken(keyring, claims);
    // The last character holds two bits that mean nothing, so it is changed in a bit that does.
    for (let at = 0; at < token.length; at++) {
      const damaged = token.slice(0, at) + (token[at] === "A" ? "g" : "A") + token.slice(at + 1);
      if (damaged !== token)
        expect(await verifyFullSessionToken(keyring, damaged, now), `at ${at}`).toBeNull();
    }
  });

  it("SE-15 is written in one way only: other base64url of the same bytes is no token", async () => {
    const token = await signFullSessionToken(keyring, claims);
    const [header = "", payload = "", signature = ""] = token.split(".");
    // 32 bytes leave two bits of the last character unused.
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(signature.at(-1) ?? "");
    const signatures = [1, 2, 3].map((unused) => signature.slice(0, -1) + alphabet[last ^ unused]);
    for (const other of [...signatures, `${signature}=`, ` ${signature}`, `${signature}\n`])
      expect(await verifyFullSessionToken(keyring, `${header}.${payload}.${other}`, now), other).toBeNull();
    // The signature covers header and payload as they are written, so these are the Worker's own, badly encoded.
    for (const other of [`${payload}=`, `${payload.slice(0, 4)} ${payload.slice(4)}`])
      expect(await verifyFullSessionToken(keyring, await forge({}, {}, other), now), other).toBeNull();
  });

  it("SE-15 is none with claims of its own choice under the old signature", async () => {
    const { header, payload, signature } = await dissect();
    for (const change of [
      { sub: "u-2" },
      { sid: generateSessionSecret() },
      { exp: payload.exp + 1 },
      { amr: [] },
    ])
      expect(
        await verifyFullSessionToken(
          keyring,
          `${encode(header)}.${encode({ ...payload, ...change })}.${signature}`,
          now,
        ),
      ).toBeNull();
  });

  it.each([
    "",
    ".",
    "..",
    "...",
    "a",
    "a.b",
    "a.b.c",
    "a.b.c.d",
    "a.b.c.d.e",
    "é.é.é",
    "\u0000",
    "{}",
    "null.null.null",
    "eyJ9.e30.",
  ])("INC-02 is not %j, which is refused without an error", async (text) => {
    expect(await verifyFullSessionToken(keyring, text, now)).toBeNull();
    expect(await verifyPendingSessionToken(keyring, text, now)).toBeNull();
    expect(await verifyPendingSessionToken(keyring, `pending_${text}`, now)).toBeNull();
  });

  it("CR-04 is read under an old key, signed under the new one, and forgotten with its key", async () => {
    const [oldKey, newKey] = [`old:${randomKey()}`, `new:${randomKey()}`];
    const token = await signFullSessionToken(keyringOf(oldKey), claims);
    const during = keyringOf(newKey, oldKey);
    expect(await verifyFullSessionToken(during, token, now)).toEqual(claims);
    expect(decode((await signFullSessionToken(during, claims)).split(".")[0])).toMatchObject({ kid: "new" });
    expect(await verifyFullSessionToken(keyringOf(newKey), token, now)).toBeNull();
    expect(await verifyFullSessionToken(keyringOf("old"), token, now)).toBeNull();
  });
});

describe("a pending session's token", () => {
  it("says that there is one, until when, and whose code it waits for", async () => {
    const token = await signPendingSessionToken(keyring, pendingClaims, now);
    expect(await verifyPendingSessionToken(keyring, token, now)).toEqual(pendingClaims);
    const payload = decode(token.replace(/^pending_/, "").split(".")[1]);
    expect(Object.keys(payload).sort()).toEqual(["aud", "exp", "iat", "name", "sid"]);
  });

  it("SE-02 is over after its time", async () => {
    const token = await signPendingSessionToken(keyring, pendingClaims, now);
    expect(await verifyPendingSessionToken(keyring, token, later(299))).not.toBeNull();
    expect(await verifyPendingSessionToken(keyring, token, later(300))).toBeNull();
  });

  it("SE-15 is none without expiry or time of issue", async () => {
    const jwt = (await signPendingSessionToken(keyring, pendingClaims, now)).replace(/^pending_/, "");
    const payload = decode(jwt.split(".")[1]);
    const parse = async (changed: JWTPayload) => {
      const forged = await forge(changed, { typ: "sallyport-pending+jwt" });
      return verifyPendingSessionToken(keyring, `pending_${forged}`, now);
    };
    expect(await parse(payload)).toEqual(pendingClaims);
    for (const claim of ["exp", "iat"]) {
      const { [claim]: _left, ...rest } = payload;
      expect(await parse(rest), claim).toBeNull();
    }
  });

  it("SE-01 is never a full session's, with its prefix or without", async () => {
    const token = await signPendingSessionToken(keyring, pendingClaims, now);
    expect(await verifyFullSessionToken(keyring, token, now)).toBeNull();
    expect(await verifyFullSessionToken(keyring, token.replace(/^pending_/, ""), now)).toBeNull();
  });

  it("SE-01 is never made of a full session's", async () => {
    const token = await signFullSessionToken(keyring, claims);
    expect(await verifyPendingSessionToken(keyring, token, now)).toBeNull();
    expect(await verifyPendingSessionToken(keyring, `pending_${token}`, now)).toBeNull();
  });

  it.each(["", "PENDING_", "pending", "pending-", "pending_pending_", " pending_"])(
    "begins with pending_ and not with %j",
    async (prefix) => {
      const token = await signPendingSessionToken(keyring, pendingClaims, now);
      expect(await verifyPendingSessionToken(keyring, token.replace(/^pending_/, prefix), now)).toBeNull();
    },
  );
});

describe("a session's secret", () => {
  it("SE-04 has 256 random bits, and is never drawn twice", () => {
    const secrets = Array.from({ length: 10_000 }, generateSessionSecret);
    expect(new Set(secrets).size).toBe(10_000);
    for (const secret of secrets.slice(0, 100)) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const ones = secrets
      .flatMap((secret) => [...Buffer.from(secret, "base64url")] as number[])
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    // Of 2,560,000 bits half are ones, give or take 800: seven times that is beyond chance.
    expect(Math.abs(ones - 1_280_000)).toBeLessThan(5_600);
  });

  it("is known to the store by its SHA-256 only", async () => {
    // printf secret | openssl dgst -sha256 -binary | basenc --base64url
    expect(await computeSessionId("secret")).toBe("K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols");
  });
});
