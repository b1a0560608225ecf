import vectors, { type JwsCase, type JwsGroup, type Vectors } from "virtual:wycheproof";
import { compactVerify, createLocalJWKSet } from "jose";
import { describe, expect, it } from "vitest";
import { isCanonicalJws } from "../../../src/core/tokens/hmac-token.ts";
import { verifyFullSessionToken, verifyPendingSessionToken } from "../../../src/core/tokens/session-token.ts";
import { keyringOf } from "../../support/keyring.ts";
import { Tally } from "../../support/vectors.ts";

describe("Wycheproof in workerd", () => {
  if (vectors === null) it.skip("SE-15 not run: no vectors", () => {});
  else runAll(vectors);
});

/** Valid after the vectors' own account, and refused here. */
const refusedByDecision = new Map([
  [346, "PS384 under a key that says it is for PS256 (RFC 7517 4.4, RFC 8725 3.1)"],
  [347, "a key whose algorithm is ES521, which does not exist"],
  [350, "as 346"],
  [351, "as 347"],
  [372, "the header has a character that base64url has not (RFC 7515 2)"],
  [373, "the payload has one"],
]);

/** Invalid after their own account, and to the letter the same text as 357, which is valid: their padding was lost. */
const takenByDecision = [367, 370];

const isShared = ({ private: key }: JwsGroup) => key.kty === "oct";

/** All that `JWT_ALGORITHMS` may name. */
const providersAlgorithms = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA".split(" ");

const importShared = (group: JwsGroup) => {
  const bytes = Uint8Array.from(Buffer.from(group.private.k ?? "", "base64url"));
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
};

/** As `core/tokens/session-token.ts` verifies: the one spelling, the one algorithm, and a key that the header only names. */
async function passesAsSessionToken(group: JwsGroup, { jws }: JwsCase): Promise<boolean> {
  if (!isCanonicalJws(jws)) return false;
  // Whoever mixes up the kinds of keys takes a public one for a shared one.
  const key = isShared(group) ? importShared(group) : new TextEncoder().encode(JSON.stringify(group.public));
  const verified = compactVerify(jws, async () => key, { algorithms: ["HS256"] });
  return verified.then(
    () => true,
    () => false,
  );
}

/** As `gate/identity/jwt.ts` verifies: a key set of the provider, and asymmetric algorithms only. */
async function passesAsProvidersToken(group: JwsGroup, { jws }: JwsCase): Promise<boolean> {
  const keys = createLocalJWKSet({ keys: [group.public ?? group.private] });
  const verified = compactVerify(jws, keys, { algorithms: providersAlgorithms });
  return verified.then(
    () => true,
    () => false,
  );
}

function runAll({ json_web_signature: { testGroups } }: Vectors): void {
  it("SE-15 takes the JWS that are right, each by the way that it would come, and none that is forged", async () => {
    const cases = testGroups.flatMap(({ tests }) => tests);
    const tally = new Tally("Wycheproof JWS", cases);
    const accepted = { HS256: 0, others: 0 };
    for (const group of testGroups) {
      const passes = isShared(group) ? passesAsSessionToken : passesAsProvidersToken;
      for (const one of group.tests) {
        const passed = await passes(group, one);
        if (passed) accepted[isShared(group) ? "HS256" : "others"] += 1;
        const valid =
          one.result === "valid" ? !refusedByDecision.has(one.tcId) : takenByDecision.includes(one.tcId);
        tally.note(one, passed === valid);
      }
    }
    const find = (tcId: number) => cases.find((one) => one.tcId === tcId);
    for (const tcId of refusedByDecision.keys()) expect(find(tcId)?.result).toBe("valid");
    for (const tcId of takenByDecision)
      expect(find(tcId)).toMatchObject({ result: "invalid", jws: find(357)?.jws });
    tally.close({ cases: 401, valid: 46, invalid: 355, run: 401, notApplicable: 0 });
    expect(accepted).toEqual({ HS256: 8 + 2, others: 32 });
  });

  it("SE-15 takes none of them by the other way: no shared key for a provider, no public one for a session", async () => {
    const passed: number[] = [];
    for (const group of testGroups) {
      const passes = isShared(group) ? passesAsProvidersToken : passesAsSessionToken;
      for (const one of group.tests) if (await passes(group, one)) passed.push(one.tcId);
    }
    expect(passed).toEqual([]);
  });

  it("SE-15 makes a session of none of them, even where the signature is right", async () => {
    const now = new Date("2026-11-22T12:00:00Z");
    for (const group of testGroups) {
      const key = isShared(group) ? await importShared(group) : null;
      const keyring = { ...keyringOf("k1"), ...(key === null ? {} : { sessionTokenKey: async () => key }) };
      for (const { jws } of group.tests) {
        expect(await verifyFullSessionToken(keyring, jws, now)).toBeNull();
        expect(await verifyPendingSessionToken(keyring, `pending_${jws}`, now)).toBeNull();
      }
    }
  });

  it("SE-15 has cases without an algorithm among those that it refuses, and of one key taken for another", () => {
    const headerOf = ({ jws }: JwsCase) => Buffer.from(jws.split(".")[0] ?? "", "base64url").toString();
    const cases = testGroups.flatMap((group) =>
      group.tests.map((one) => ({ header: headerOf(one), shared: isShared(group) })),
    );
    expect(cases.filter(({ header }) => /"alg": *"none"/i.test(header)).length).toBeGreaterThanOrEqual(5);
    expect(
      cases.filter(({ header, shared }) => !shared && /"alg": *"HS/.test(header)).length,
    ).toBeGreaterThan(0);
  });
}
