import { base64urlnopad } from "@scure/base";
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from "jose";
import { describe, expect, it } from "vitest";
import { generateSessionSecret } from "../../src/core/tokens/session-token.ts";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import {
  browserHeaders,
  cookieValue,
  parseSetCookies,
  pendingCookieName,
  sessionCookieName,
} from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit, workersKeyring } from "../support/gate.ts";
import { listSessionRows } from "../support/rows.ts";
import { asBrowser, expectActive, expectEnded, readSession } from "../support/sessions.ts";
import { Client, code, createAccount, pendingToken } from "../support/worker.ts";

useFreshWorker();

/** A session with the password alone, in a browser. */
async function passwordCookie(account: { username: string; password: string }): Promise<string> {
  return cookieValue(await new Client().login(account), sessionCookieName) ?? "";
}

describe("a change of level", () => {
  it("SE-03 INC-10 gives a browser a new session at enrolment, and the old one is dead", async () => {
    const account = await createAccount();
    const old = await passwordCookie(account);
    const setup = await new Client().post("/totp/setup", {}, asBrowser(old));
    const body = { code: await code(setup.json.data.secret) };
    const raised =
      cookieValue(await new Client().post("/totp/enable", body, asBrowser(old)), sessionCookieName) ?? "";
    expect(decodeJwt(raised).sid).not.toBe(decodeJwt(old).sid);
    await expectEnded(old);
    expect((await readSession(raised)).json.data).toMatchObject({ aal: 2, amr: ["pwd", "otp"] });
  });

  it("SE-03 gives a new session when a second factor is shown for the first time, and the old one is dead", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    // A program's token can't be replaced in the answer to this, so it stays what it was.
    expect((await readSession(token)).json.data).toMatchObject({ aal: 1, amr: ["pwd"] });
    advance(30);
    const raised = (await new Client().post("/step-up", { code: await code(secret) }, { token })).json
      .session_token;
    expect(decodeJwt(raised).sid).not.toBe(decodeJwt(token).sid);
    await expectEnded(token);
    expect((await readSession(raised)).json.data).toMatchObject({ aal: 2, amr: ["pwd", "otp"] });
  });

  it("SE-03 gives a browser a new session when the second factor is switched off, and the old one is dead", async () => {
    const account = await createReadyAccount();
    const old = await fullToken(account);
    const body = { code: await code(account.secret), password: account.password };
    const answer = await new Client().post("/totp/disable", body, asBrowser(old));
    const lowered = cookieValue(answer, sessionCookieName) ?? "";
    await expectEnded(old);
    expect((await readSession(lowered)).json.data).toMatchObject({ aal: 1, amr: ["pwd"] });
  });

  it("SE-07 makes no session older than it may become", async () => {
    const account = await createAccount();
    const old = await passwordCookie(account);
    for (let i = 0; i < 14; i++) {
      advance(3000);
      expect((await new Client().call("/session", asBrowser(old))).status).toBe(200);
    }
    const setup = await new Client().post("/totp/setup", {}, asBrowser(old));
    const body = { code: await code(setup.json.data.secret) };
    const raised =
      cookieValue(await new Client().post("/totp/enable", body, asBrowser(old)), sessionCookieName) ?? "";
    advance(43_200 - 14 * 3000 - 1);
    await expectActive(raised);
    advance(1);
    await expectEnded(raised);
  });
});

describe("a session's token and cookies", () => {
  it("SE-04 carry 256 random bits, never the same twice", async () => {
    const account = await createReadyAccount();
    const tokens = [(await pendingToken(account)).slice("pending_".length), await fullToken(account)];
    for (const token of tokens) {
      expect(base64urlnopad.decode(String(decodeJwt(token).sid))).toHaveLength(32);
    }
    const secrets = Array.from({ length: 10_000 }, generateSessionSecret);
    expect(new Set(secrets).size).toBe(10_000);
    const bits = secrets.map((secret) => base64urlnopad.decode(secret)).flatMap((bytes) => [...bytes]);
    const ones = bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    // 2 560 000 fair bits stay within half a per cent but for a chance below 10^-50.
    expect(Math.abs(ones / (bits.length * 8) - 0.5)).toBeLessThan(0.005);
  });

  it("SE-05 come in cookies that only this host gets back, over TLS, out of the reach of scripts", async () => {
    const plain = await createAccount("plain");
    const account = await createReadyAccount();
    const login = await new Client().login(plain);
    const pending = await new Client().login(account);
    const token = cookieValue(pending, pendingCookieName) ?? "";
    const headers = browserHeaders({ [pendingCookieName]: token });
    const verified = await new Client().post(
      "/totp/verify",
      { code: await code(account.secret) },
      { headers },
    );
    const full = cookieValue(verified, sessionCookieName) ?? "";
    const renewed = await new Client().call("/session", asBrowser(full));
    const out = await new Client().post("/logout", {}, asBrowser(full));

    const seen = [login, pending, verified, renewed, out].flatMap(parseSetCookies);
    expect(seen.map(({ name, value }) => `${name}${value === "" ? " cleared" : ""}`)).toEqual([
      "__Host-sallyport",
      "__Host-sallyport-device",
      "__Host-sallyport-pending",
      "__Host-sallyport",
      "__Host-sallyport-pending cleared",
      "__Host-sallyport-device",
      "__Host-sallyport",
      "__Host-sallyport cleared",
      "__Host-sallyport-pending cleared",
    ]);
    for (const { value, attributes } of seen) {
      expect(attributes).toEqual({
        "max-age": value === "" ? "0" : expect.stringMatching(/^[1-9]\d*$/),
        path: "/",
        httponly: true,
        secure: true,
        samesite: "Lax",
      });
    }
    const ages = [login, pending, verified].map(
      (answer) => parseSetCookies(answer)[0]?.attributes["max-age"],
    );
    expect(ages).toEqual(["43200", "300", "43200"]);
  });

  it("SE-05 are not set for a request with a bearer token", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    for (const answer of [
      await readSession(token),
      await new Client().call("/totp", { token }),
      await new Client().post("/step-up", { code: await code(account.secret) }, { token }),
    ]) {
      expect([answer.status, parseSetCookies(answer)]).toEqual([200, []]);
    }
  });

  it("SE-08 say what was shown, and when", async () => {
    const plain = await createAccount("plain");
    const passwordOnly = (await new Client().login(plain)).json.session_token;
    expect((await readSession(passwordOnly)).json.data).toMatchObject({
      user: { username: "plain", email: "plain@example.com" },
      aal: 1,
      amr: ["pwd"],
      auth_time: new Date().toISOString(),
      expires_at: new Date(Date.now() + 43_200_000).toISOString(),
    });

    const account = await createReadyAccount();
    const pending = await pendingToken(account);
    advance(60);
    const both = (await verify(pending, await code(account.secret))).json.session_token;
    const shownAt = new Date().toISOString();
    advance(100);
    expect((await readSession(both)).json.data).toMatchObject({
      aal: 2,
      amr: ["pwd", "otp"],
      auth_time: shownAt,
    });

    const stepped = await new Client().post("/step-up", { code: account.backupCodes[0] }, { token: both });
    expect((await readSession(stepped.json.session_token)).json.data).toMatchObject({
      aal: 2,
      amr: ["pwd", "backup_code"],
      auth_time: new Date().toISOString(),
    });
    const origin = mockOrigin();
    await visit(gated(), "/", { session: stepped.json.session_token });
    const assertion = decodeJwt(origin.only().headers.get("X-Sallyport-Assertion") ?? "");
    expect(assertion).toMatchObject({ amr: ["pwd", "backup_code"], auth_time: Date.now() / 1000 });
  });

  it("SE-08 say no more than was shown: a password alone is no second factor at the gate", async () => {
    const token = (await new Client().login(await createAccount())).json.session_token;
    const origin = mockOrigin();
    const strict = await visit(gated(), "/", { session: token });
    expect(strict.status).toBe(401);
    expect(origin.requests).toEqual([]);
    await visit(gated([{ path: "/*", require: "first_factor" }]), "/", { session: token });
    const assertion = decodeJwt(origin.only().headers.get("X-Sallyport-Assertion") ?? "");
    expect(assertion.amr).toEqual(["pwd"]);
  });
});

describe("a token that this Worker did not sign", () => {
  type Header = JWTHeaderParameters & Record<string, unknown>;

  interface Parts {
    readonly token: string;
    readonly header: Header;
    readonly payload: Record<string, unknown>;
  }

  const read = (token: string): Parts => ({
    token,
    header: decodeProtectedHeader(token) as Header,
    payload: { ...decodeJwt(token) },
  });

  const text = (value: unknown) => base64urlnopad.encode(new TextEncoder().encode(JSON.stringify(value)));

  /** The same claims, signed with the Worker's own key but for what is changed about them. */
  async function resign(
    { header, payload }: Parts,
    changes: { header?: Record<string, unknown>; payload?: Record<string, unknown> },
  ): Promise<string> {
    const key = await workersKeyring().sessionTokenKey(String(header.kid));
    if (key === null) throw new Error("The key is gone");
    const claims = Object.fromEntries(
      Object.entries({ ...payload, ...changes.payload }).filter(([, value]) => value !== undefined),
    );
    const protectedHeader = Object.fromEntries(
      Object.entries({ ...header, ...changes.header }).filter(([, value]) => value !== undefined),
    );
    const signingInput = `${text(protectedHeader)}.${text(claims)}`;
    const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signingInput));
    return `${signingInput}.${base64urlnopad.encode(new Uint8Array(mac))}`;
  }

  function flip(part: string, at: number): string {
    const bytes = base64urlnopad.decode(part);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return base64urlnopad.encode(bytes);
  }

  /** Hostile forms of a token. Those that are signed are signed with the right key, and wrong in one thing. */
  async function mutations(parts: Parts, other: Parts): Promise<Record<string, string>> {
    const { token, header, payload } = parts;
    const [head = "", body = "", signature = ""] = token.split(".");
    const attacker = await generateKeyPair("EdDSA", { extractable: true });
    const attackerKey = crypto.getRandomValues(new Uint8Array(32));
    const jwk = await exportJWK(attacker.publicKey);
    const sign = (changes: Record<string, unknown>) =>
      new SignJWT(payload).setProtectedHeader({ ...header, ...changes } as Header).sign(attackerKey);
    const unsigned = (alg: string) => `${text({ ...header, alg })}.${body}.`;
    const now = Math.floor(Date.now() / 1000);
    const throttleKey = await workersKeyring().throttleKey();
    const otherPurpose = await crypto.subtle.sign(
      "HMAC",
      throttleKey,
      new TextEncoder().encode(`${head}.${body}`),
    );
    return {
      "alg none": unsigned("none"),
      "alg None": unsigned("None"),
      "alg none with a signature": `${unsigned("none")}${signature}`,
      "alg empty": unsigned(""),
      "alg HS512": await resign(parts, { header: { alg: "HS512" } }),
      "alg RS256": await resign(parts, { header: { alg: "RS256" } }),
      "no alg": await resign(parts, { header: { alg: undefined } }),
      "another's key": await sign({}),
      "another's key, with its jwk": await new SignJWT(payload)
        .setProtectedHeader({ ...header, alg: "EdDSA", jwk } as Header)
        .sign(attacker.privateKey),
      "another's symmetric key as a jwk": await sign({
        jwk: { kty: "oct", k: base64urlnopad.encode(attackerKey) },
      }),
      "another's key, with its address": await sign({
        jku: "https://evil.example/jwks.json",
        x5u: "https://evil.example/cert.pem",
      }),
      "the assertion's public key as a secret": await new SignJWT(payload)
        .setProtectedHeader(header)
        .sign(
          base64urlnopad.decode((await workersKeyring().assertionKeys(String(header.kid)))?.publicX ?? ""),
        ),
      "a key of another purpose": `${head}.${body}.${base64urlnopad.encode(new Uint8Array(otherPurpose))}`,
      "another kid": await resign(parts, { header: { kid: "other" } }),
      "no kid": await resign(parts, { header: { kid: undefined } }),
      "a kid that is a list": await resign(parts, { header: { kid: [header.kid] } }),
      "a kid of every object": await resign(parts, { header: { kid: "__proto__" } }),
      "a kid that is a path": await resign(parts, { header: { kid: "../../dev/null" } }),
      "another typ": await resign(parts, { header: { typ: "JWT" } }),
      "the other kind's typ": await resign(parts, { header: { typ: other.header.typ } }),
      "no typ": await resign(parts, { header: { typ: undefined } }),
      "a typ that is a number": await resign(parts, { header: { typ: 5 } }),
      "a crit that nobody knows": await resign(parts, { header: { crit: ["x"], x: 1 } }),
      "an unencoded payload": await resign(parts, { header: { b64: false, crit: ["b64"] } }),
      "another audience": await resign(parts, { payload: { aud: "other" } }),
      "no audience": await resign(parts, { payload: { aud: undefined } }),
      expired: await resign(parts, { payload: { exp: now } }),
      "without an end": await resign(parts, { payload: { exp: undefined } }),
      "an end that is text": await resign(parts, { payload: { exp: "9999999999" } }),
      "not valid yet": await resign(parts, { payload: { nbf: now + 60 } }),
      "without a session": await resign(parts, { payload: { sid: undefined } }),
      "a session that is a number": await resign(parts, { payload: { sid: 5 } }),
      "the other kind": other.token,
      "a bit of the header": `${flip(head, 2)}.${body}.${signature}`,
      "a bit of the payload": `${head}.${flip(body, 12)}.${signature}`,
      "the first bit of the signature": `${head}.${body}.${flip(signature, 0)}`,
      "the last bit of the signature": `${head}.${body}.${flip(signature, 31)}`,
      "no signature": `${head}.${body}.`,
      "half a signature": `${head}.${body}.${signature.slice(0, 20)}`,
      "two parts": `${head}.${body}`,
      "one part": head,
      "four parts": `${token}.${signature}`,
      "no payload": `${head}..${signature}`,
      "another's payload": `${head}.${other.token.split(".")[1]}.${signature}`,
      "white space inside": `${head}.\t${body}.${signature}`,
      padding: `${token}==`,
      "a letter of no alphabet": `${head}.${body}.*${signature.slice(1)}`,
      "a payload that is a list": `${head}.${text([payload])}.${signature}`,
      "a payload that is no JSON": `${head}.${base64urlnopad.encode(new Uint8Array([123]))}.${signature}`,
      "the JSON form of a JWS": text({ payload: body, protected: head, signature }),
      nothing: "",
      dots: "..",
      "very long": "a".repeat(10_000),
      "very long parts": `${"a".repeat(3000)}.${"a".repeat(3000)}.${"a".repeat(3000)}`,
    };
  }

  it("SE-15 is rejected as a full session, under the base path and at the gate", async () => {
    const account = await createReadyAccount();
    const full = read(await fullToken(account));
    const pending = read((await pendingToken(account)).slice("pending_".length));
    const origin = mockOrigin();
    const hostile = Object.entries({
      ...(await mutations(full, pending)),
      "with the pending prefix": `pending_${full.token}`,
    });
    expect(await resign(full, {})).toBe(full.token);
    for (const [what, token] of hostile) {
      const bearer = await readSession(token);
      expect([what, bearer.status]).toEqual([what, 401]);
      const cookie = await new Client().call("/session", asBrowser(token));
      expect([what, cookie.status]).toEqual([what, 401]);
      const gate = await visit(gated(), "/", { headers: { Authorization: `Bearer ${token}` } });
      expect([what, gate.status]).toEqual([what, 401]);
      const visited = await visit(gated(), "/", { session: token });
      expect([what, visited.status]).toEqual([what, 401]);
    }
    expect(origin.requests).toEqual([]);
    await expectActive(full.token);
  });

  it("SE-15 is rejected as a pending session", async () => {
    const account = await createReadyAccount();
    const full = read(await fullToken(account));
    const pending = read((await pendingToken(account)).slice("pending_".length));
    const right = await code(account.secret);
    for (const [what, token] of Object.entries(await mutations(pending, full))) {
      const answer = await verify(`pending_${token}`, right);
      // 422: longer than any token.
      const expected = token.length > 4000 ? [401, 422] : [401];
      expect([what, expected.includes(answer.status)]).toEqual([what, true]);
    }
    for (const token of [pending.token, `PENDING_${pending.token}`, `pending_pending_${pending.token}`]) {
      expect((await verify(token, right)).status).toBe(401);
    }
    expect(await listSessionRows("full")).toHaveLength(1);
    expect((await verify(`pending_${pending.token}`, right)).status).toBe(200);
  });

  it("INC-02 is no cookie at all when it is garbage, whatever stands around it", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    for (const cookie of [
      `${sessionCookieName}=`,
      `${sessionCookieName}`,
      `${sessionCookieName}=%`,
      `${sessionCookieName}=%00`,
      `=${token}`,
      `${token}`,
      `sallyport=${token}`,
      `__host-sallyport=${token}`,
      `__Host-sallyport2=${token}`,
      `__Secure-sallyport=${token}`,
      `x=${sessionCookieName}=${token}`,
      ";;;;",
    ]) {
      const gate = await visit(gated(), "/", { headers: { Cookie: cookie } });
      expect([cookie, gate.status]).toEqual([cookie, 401]);
      const answer = await new Client().call("/session", { headers: { Cookie: cookie } });
      expect([cookie, answer.status]).toEqual([cookie, 401]);
    }
    expect(origin.requests).toEqual([]);
  });
});
