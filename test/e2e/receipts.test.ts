import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createApiAccount, enrol } from "./support/api-account.ts";
import { Authenticator } from "./support/authenticator.ts";
import { Client } from "./support/client.ts";
import { findFreePorts } from "./support/processes.ts";
import type { RunningServer } from "./support/server.ts";
import { type Seen, startDemoOrigin, valuesSeen } from "./support/site.ts";
import { startWorker, type Worker } from "./support/worker.ts";

// What the Worker signs for others, checked by others: OpenSSL's Ed25519 and Node's, from the published keys alone.

interface PublicKey {
  readonly kid: string;
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
}

const scratchDir = mkdtempSync(join(tmpdir(), "sallyport-receipts-"));
let worker: Worker;
let site: RunningServer;
let siteUrl: string;
let receipt: string;
let assertion: string;

before(async () => {
  const [port = 0, sitePort = 0] = await findFreePorts(2);
  siteUrl = `http://127.0.0.1:${sitePort}`;
  worker = await startWorker({ ORIGIN_URL: siteUrl }, port);
  site = await startDemoOrigin(sitePort, `${worker.baseUrl}/api/auth/.well-known/jwks.json`, siteUrl);
  receipt = await approve();
  assertion = await passGate();
});
after(async () => {
  await site?.stop();
  await worker?.stop();
  rmSync(scratchDir, { recursive: true, force: true });
});

async function call(path: string, bearer: string, body: object = {}, method = "POST") {
  const response = await fetch(`${worker.baseUrl}/api/auth${path}`, {
    method,
    headers: { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
  const { data } = (await response.json()) as { data: Record<string, string> };
  return (name: string): string => data[name] ?? assert.fail(`${path} answers without ${name}`);
}

/** A backend makes a key, a user and a second factor, and has a transfer approved. */
async function approve(): Promise<string> {
  const wish = { name: "shop", scopes: ["users:write", "verify"] };
  const key = (await call("/v1/api-keys?realm=shop", worker.adminKey, wish))("key");
  await call("/v1/users/42", key, { username: "ada" }, "PUT");
  const authenticator = new Authenticator((await call("/v1/users/42/totp", key))("secret"));
  await call("/v1/users/42/totp/confirm", key, { code: await authenticator.soonestCode() });
  const approval = { code: await authenticator.soonestCode(), action: "transfer 100 €", nonce: "n-81" };
  return (await call("/v1/users/42/verify", key, approval))("receipt");
}

/** A visitor signs in, and the site behind the gate gets the account. */
async function passGate(): Promise<string> {
  const visitor = new Client(worker.baseUrl);
  await enrol(visitor, await createApiAccount(worker, "ada"));
  const { status, body } = await visitor.ask("/headers");
  assert.equal(status, 200);
  const [seen, ...others] = valuesSeen(JSON.parse(body) as Seen, (name) =>
    /^x-sallyport-assertion$/i.test(name),
  );
  assert.deepEqual(others, []);
  return seen ?? assert.fail("The site has seen no assertion");
}

function readToken(token: string) {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const parse = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  return {
    header: parse(header) as { alg: string; kid: string; typ: string },
    claims: parse(payload) as { iss: string; aud: string; sub: string; iat: number; exp: number },
    signed: Buffer.from(`${header}.${payload}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

/** The key that a token names, from where its issuer publishes its keys. */
async function findKey(token: string): Promise<PublicKey> {
  const { header, claims } = readToken(token);
  assert.equal(claims.iss, `${worker.baseUrl}/api/auth`);
  const { keys } = (await (await fetch(`${claims.iss}/.well-known/jwks.json`)).json()) as {
    keys: PublicKey[];
  };
  const key = keys.find(({ kid }) => kid === header.kid) ?? assert.fail(`No key ${header.kid}`);
  assert.deepEqual([header.alg, key.kty, key.crv], ["EdDSA", "OKP", "Ed25519"]);
  return key;
}

type Verifier = (key: PublicKey, signed: Buffer, signature: Buffer) => boolean;

/** The DER that stands before the 32 bytes of an Ed25519 public key (RFC 8410 4). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

const verifiers: Record<string, Verifier> = {
  "OpenSSL, from the x of the key": ({ x }, signed, signature) => {
    const spki = Buffer.concat([spkiPrefix, Buffer.from(x, "base64url")]).toString("base64");
    const [key, message, sign] = ["key.pem", "message", "signature"].map((name) => join(scratchDir, name));
    if (key === undefined || message === undefined || sign === undefined) return false;
    writeFileSync(key, `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
    writeFileSync(message, signed);
    writeFileSync(sign, signature);
    const options = ["-verify", "-pubin", "-inkey", key, "-rawin", "-in", message, "-sigfile", sign];
    const { status, stdout } = spawnSync("openssl", ["pkeyutl", ...options], { encoding: "utf8" });
    return status === 0 && stdout.includes("Signature Verified Successfully");
  },
  "Node, from the key as it is published": (jwk, signed, signature) =>
    verify(null, signed, createPublicKey({ key: { ...jwk }, format: "jwk" }), signature),
};

for (const [name, isSigned] of Object.entries(verifiers)) {
  describe(`checked by ${name}`, () => {
    it("a receipt and an assertion are signed, each with what it says", async () => {
      for (const token of [receipt, assertion]) {
        const { signed, signature } = readToken(token);
        assert.equal(signature.length, 64);
        assert.ok(isSigned(await findKey(token), signed, signature));
      }
    });

    it("neither is, when a letter of it is another, or the signature is the other's", async () => {
      for (const [token, other] of [
        [receipt, assertion],
        [assertion, receipt],
      ] as const) {
        const key = await findKey(token);
        const { signed, signature } = readToken(token);
        const changed = Buffer.from(signed);
        changed.writeUInt8(changed.readUInt8(changed.length - 5) ^ 1, changed.length - 5);
        assert.ok(!isSigned(key, changed, signature));
        assert.ok(!isSigned(key, signed, readToken(other).signature));
        const { x } = key;
        const wrong = x.startsWith("A") ? `B${x.slice(1)}` : `A${x.slice(1)}`;
        assert.ok(!isSigned({ ...key, x: wrong }, signed, signature));
      }
    });
  });
}

describe("what they say", () => {
  it("is who approved what, for which realm, and for how long", () => {
    const { header, claims } = readToken(receipt);
    assert.deepEqual(header, { alg: "EdDSA", kid: "k1", typ: "sallyport-receipt+jwt" });
    const { iat, exp, jti, ...rest } = claims as typeof claims & { jti: string };
    assert.deepEqual(rest, {
      iss: `${worker.baseUrl}/api/auth`,
      aud: "shop",
      sub: "42",
      action: "transfer 100 €",
      nonce: "n-81",
      amr: ["otp"],
      auth_time: iat,
    });
    assert.match(jti, /^[0-9a-f-]{36}$/);
    assert.equal(exp - iat, 300);
    assert.ok(Math.abs(iat - Date.now() / 1000) < 300);
  });

  it("can't be taken for each other: types and audiences differ", () => {
    const [one, other] = [readToken(receipt), readToken(assertion)];
    assert.equal(other.header.typ, "JWT");
    assert.notEqual(one.header.typ, other.header.typ);
    assert.deepEqual([one.claims.aud, other.claims.aud], ["shop", siteUrl]);
  });

  it("opens nothing of the Worker itself", async () => {
    for (const token of [receipt, assertion]) {
      for (const path of ["/api/auth/session", "/api/auth/v1/users", "/headers"]) {
        const headers = { Authorization: `Bearer ${token}`, Cookie: `__Host-sallyport=${token}` };
        const { status } = await fetch(worker.baseUrl + path, { headers, redirect: "manual" });
        assert.equal(status, 401, path);
      }
    }
  });
});
