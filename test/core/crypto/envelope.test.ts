import { describe, expect, it } from "vitest";
import { openField, sealField } from "../../../src/core/crypto/envelope.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const place = { table: "users", column: "totp_secret", rowId: "u-1" };
const keyring = keyringOf("k1");
const notAuthentic = { ok: false, reason: "not_authentic" };

/** Takes an envelope to pieces: version, key id, and the bytes of IV, ciphertext and tag. */
function take(envelope: string) {
  const [version = "", kid = "", body = ""] = envelope.split(".");
  return { version, kid, bytes: Buffer.from(body, "base64url") };
}

const put = (version: string, kid: string, bytes: Uint8Array) =>
  [version, kid, Buffer.from(bytes).toString("base64url")].join(".");

describe("a sealed field", () => {
  it.each(["", "JBSWY3DPEHPK3PXP", "é🔑\u0000\n", "x".repeat(20_000)])("opens again: %.20j", async (text) => {
    const envelope = await sealField(keyring, place, text);
    expect(await openField(keyring, place, envelope)).toEqual({ ok: true, text });
  });

  it("CR-01 shows its version and key, and nothing of the text", async () => {
    const envelope = await sealField(keyring, place, "JBSWY3DPEHPK3PXP");
    expect(envelope).toMatch(/^v1\.k1\.[A-Za-z0-9_-]+$/);
    const { bytes } = take(envelope);
    expect(bytes.length).toBe(12 + 16 + 16);
    expect(bytes.includes("JBSWY3DPEHPK3PXP")).toBe(false);
  });

  it("CR-03 never has the same IV twice, nor the same ciphertext for the same text", async () => {
    const envelopes = await Promise.all(
      Array.from({ length: 2000 }, () => sealField(keyring, place, "same")),
    );
    const bodies = envelopes.map((envelope) => take(envelope).bytes);
    expect(new Set(bodies.map((bytes) => bytes.subarray(0, 12).toString("hex"))).size).toBe(2000);
    expect(new Set(bodies.map((bytes) => bytes.subarray(12).toString("hex"))).size).toBe(2000);
  });

  it.each([
    ["table", { ...place, table: "sessions" }],
    ["column", { ...place, column: "totp_pending_secret" }],
    ["row", { ...place, rowId: "u-2" }],
    ["row, of another case", { ...place, rowId: "U-1" }],
    ["place whose names run together the same way", { table: "users", column: "totp_secretu", rowId: "-1" }],
    ["place whose names are quoted the same way", { table: 'users","totp_secret', column: "u-1", rowId: "" }],
  ])("CR-02 does not open in another %s", async (_what, other) => {
    const envelope = await sealField(keyring, place, "secret");
    expect(await openField(keyring, other, envelope)).toEqual(notAuthentic);
  });

  it("CR-02 does not open under another key id, even if both ids mean the same bytes", async () => {
    const key = randomKey();
    const twins = keyringOf(`k1:${key}`, `k2:${key}`);
    const { version, bytes } = take(await sealField(twins, place, "secret"));
    expect(await openField(twins, place, put(version, "k1", bytes))).toEqual({ ok: true, text: "secret" });
    expect(await openField(twins, place, put(version, "k2", bytes))).toEqual(notAuthentic);
  });

  it("CR-02 does not open when any bit is another one", async () => {
    const { version, kid, bytes } = take(await sealField(keyring, place, "JBSWY3DPEHPK3PXP"));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Uint8Array.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await openField(keyring, place, put(version, kid, damaged)), `bit ${bit}`).toEqual(notAuthentic);
    }
  });

  it("CR-02 does not open when it was cut off or added to, anywhere", async () => {
    const { version, kid, bytes } = take(await sealField(keyring, place, "JBSWY3DPEHPK3PXP"));
    for (let length = 0; length < bytes.length; length++)
      expect(await openField(keyring, place, put(version, kid, bytes.subarray(0, length)))).toEqual(
        notAuthentic,
      );
    expect(await openField(keyring, place, put(version, kid, Buffer.concat([bytes, bytes])))).toEqual(
      notAuthentic,
    );
    expect(await openField(keyring, place, put(version, kid, bytes.subarray(1)))).toEqual(notAuthentic);
  });

  it("is written in one way only: other base64 of the same bytes is no envelope", async () => {
    // 12 + 16 + 16 bytes leave two bits of the last character unused.
    const envelope = await sealField(keyring, place, "JBSWY3DPEHPK3PXP");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(envelope.at(-1) ?? "");
    const others = [1, 2, 3].map((unused) => envelope.slice(0, -1) + alphabet[last ^ unused]);
    for (const other of [...others, `${envelope}=`, `${envelope}\n`, ` ${envelope}`])
      expect(await openField(keyring, place, other)).toEqual(notAuthentic);
  });

  it.each([
    "",
    "x",
    ".",
    "..",
    "v1",
    "v1.k1",
    "v1.k1.",
    "v1..AAAA",
    "v2.k1.AAAA",
    "V1.k1.AAAA",
    "v1.k1.AAAA.AAAA",
    "null",
    "{}",
  ])("is not %j", async (text) => {
    expect(await openField(keyring, place, text)).toEqual(notAuthentic);
  });

  it("is of its version: the bytes under another one do not open", async () => {
    const { kid, bytes } = take(await sealField(keyring, place, "secret"));
    expect(await openField(keyring, place, put("v2", kid, bytes))).toEqual(notAuthentic);
  });
});

describe("rotation", () => {
  const [oldKey, newKey] = [`old:${randomKey()}`, `new:${randomKey()}`];
  const before = keyringOf(oldKey);
  const during = keyringOf(newKey, oldKey);
  const after = keyringOf(newKey);

  it("CR-04 opens what the old key sealed, and seals with the new one", async () => {
    const envelope = await sealField(before, place, "secret");
    expect(await openField(during, place, envelope)).toEqual({ ok: true, text: "secret" });
    expect(take(await sealField(during, place, "secret")).kid).toBe("new");
  });

  it("CR-04 says which key is missing when the old one has gone too early", async () => {
    const envelope = await sealField(before, place, "secret");
    expect(await openField(after, place, envelope)).toEqual({
      ok: false,
      reason: "unknown_key",
      kid: "old",
    });
    const again = await sealField(during, place, "secret");
    expect(await openField(after, place, again)).toEqual({ ok: true, text: "secret" });
  });

  it("CR-02 does not open with other bytes under the same id", async () => {
    const envelope = await sealField(before, place, "secret");
    expect(await openField(keyringOf("old"), place, envelope)).toEqual(notAuthentic);
  });
});
