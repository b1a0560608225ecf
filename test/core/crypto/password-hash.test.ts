import { base64nopad } from "@scure/base";
import { describe, expect, it } from "vitest";
import {
  comparePassword,
  findPasswordWeakness,
  hashPassword,
  hasOutdatedScryptParameters,
  isVerifiablePasswordHash,
} from "../../../src/core/crypto/password-hash.ts";
import scryptVectors from "../../vectors/rfc7914-scrypt.json";

const stored = await hashPassword("correct horse battery");

const matches = async (password: string, phc: string | null): Promise<boolean> =>
  (await comparePassword(password, phc)).kind === "match";

function withPart(index: number, part: string): string {
  return stored.split("$").with(index, part).join("$");
}

describe("hashing", () => {
  it("CR-06 stores scrypt with N=2^14, r=8, p=5, a 16-byte salt and a 32-byte hash", () => {
    const [, salt = "", hash = ""] =
      /^\$scrypt\$ln=14,r=8,p=5\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/.exec(stored) ?? [];
    expect(base64nopad.decode(salt)).toHaveLength(16);
    expect(base64nopad.decode(hash)).toHaveLength(32);
  });

  it("CR-06 stays within what the platform allows in production: N·r·p of 1,048,576 at most", () => {
    const [, logN, r, p] = /ln=(\d+),r=(\d+),p=(\d+)/.exec(stored) ?? [];
    expect(2 ** Number(logN) * Number(r) * Number(p)).toBeLessThanOrEqual(1_048_576);
  });

  it("CR-06 computes the scrypt of RFC 7914 section 12, with the parameters from the stored hash", async () => {
    for (const { password, salt, logN, r, p, hashHex } of scryptVectors.rows) {
      const hash = Uint8Array.from(hashHex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      const salt64 = base64nopad.encode(new TextEncoder().encode(salt));
      const phc = `$scrypt$ln=${logN},r=${r},p=${p}$${salt64}$${base64nopad.encode(hash)}`;
      expect(await matches(password, phc)).toBe(true);
      expect(await matches(`${password} `, phc)).toBe(false);
    }
  });

  it("draws a new salt each time", async () => {
    expect((await hashPassword("correct horse battery")).split("$")[3]).not.toBe(stored.split("$")[3]);
  });
});

describe("verification", () => {
  it("accepts the password and no other", async () => {
    expect(await matches("correct horse battery", stored)).toBe(true);
    expect(await matches("correct horse batterY", stored)).toBe(false);
    expect(await matches("", stored)).toBe(false);
  });

  it("CR-07 truncates nothing: passwords that differ after 72 bytes or at the last of 1024 characters differ", async () => {
    for (const length of [72, 1023]) {
      const phc = await hashPassword(`${"x".repeat(length)}a`);
      expect(await matches(`${"x".repeat(length)}a`, phc)).toBe(true);
      expect(await matches(`${"x".repeat(length)}b`, phc)).toBe(false);
    }
  });

  it("CR-07 takes two keyboards' spellings of one password for the same (NFKC)", async () => {
    const phc = await hashPassword("pa\u0308sswo\ufb03ce");
    expect(await matches("p\u00e4sswoffice", phc)).toBe(true);
  });

  it("answers false without a hash, whatever the password", async () => {
    expect(await matches("correct horse battery", null)).toBe(false);
    expect(await matches("", null)).toBe(false);
  });

  it.each([
    ["", "nothing"],
    ["correct horse battery", "a plain password"],
    [withPart(1, "argon2id"), "another algorithm"],
    [withPart(2, "ln=14,r=8"), "a missing parameter"],
    [withPart(2, "r=8,ln=14,p=5"), "parameters in another order"],
    [withPart(2, "ln=0,r=8,p=5"), "N of 1"],
    [withPart(2, "ln=14,r=8,p=0"), "p of 0"],
    [withPart(2, "ln=14,r=8,p=-5"), "a negative p"],
    [withPart(2, "ln=14,r=8,p=9"), "more work than allowed"],
    [withPart(2, "ln=18,r=8,p=1"), "more work and memory than allowed"],
    [withPart(2, "ln=17,r=8,p=1"), "all of the memory of an isolate"],
    [withPart(2, "ln=16,r=1,p=1"), "an N that r does not allow"],
    [withPart(2, "ln=20,r=1,p=1"), "the most work, and an N that r does not allow"],
    [withPart(2, "ln=1,r=524288,p=1"), "the most work, all of it in r"],
    [withPart(2, "ln=1,r=1,p=524288"), "the most work, all of it in p"],
    [withPart(3, "A".repeat(88)), "a salt of 66 bytes"],
    [withPart(2, "ln=99,r=999999,p=999999"), "absurd parameters"],
    [withPart(3, ""), "no salt"],
    [withPart(3, "A"), "a broken salt"],
    [withPart(4, ""), "no hash"],
    [withPart(4, "AAAA"), "a hash of three bytes"],
    [withPart(4, "A".repeat(88)), "a hash of 66 bytes"],
    [withPart(4, `${stored.split("$")[4]}=`), "padding"],
    [`${stored}$`, "something after the hash"],
    [`${stored}\n`, "a line break"],
  ])("can't be compared with %j: %s", (phc) => {
    expect(isVerifiablePasswordHash(phc)).toBe(false);
    expect(() => hasOutdatedScryptParameters(phc)).toThrow(/^The stored password hash/);
  });

  it("answers false for a hash that can't be verified here, whatever the password", async () => {
    expect(isVerifiablePasswordHash(stored)).toBe(true);
    for (const phc of [withPart(4, ""), withPart(1, "argon2id"), "$2b$10$abcdefghijklmnopqrstuv"])
      expect(await comparePassword("", phc)).toEqual({ kind: "not_comparable" });
  });

  it("asks for a new hash when the parameters are not today's", () => {
    expect(hasOutdatedScryptParameters(stored)).toBe(false);
    expect(hasOutdatedScryptParameters(withPart(2, "ln=15,r=8,p=3"))).toBe(true);
    expect(hasOutdatedScryptParameters(withPart(2, "ln=14,r=8,p=4"))).toBe(true);
    expect(hasOutdatedScryptParameters(withPart(3, "A".repeat(16)))).toBe(true);
    expect(hasOutdatedScryptParameters(withPart(4, "A".repeat(86)))).toBe(true);
  });
});

describe("choice", () => {
  it.each([
    ["", "too_short"],
    ["kX9!mQ2", "too_short"],
    ["kX9!mQ2z", null],
    ["🚪🚪🚪🚪🚪🚪🚪", "too_short"],
    ["🚪🔑🗝️🏰🛡️⚔️🐉🔥", null],
    ["a".repeat(7), "too_short"],
    ["kX9!".repeat(16), null],
    ["kX9!".repeat(256), null],
    [`${"kX9!".repeat(256)}z`, "too_long"],
    ["🚪🔑".repeat(512), null],
    ["correct horse battery staple", null],
    ["onlylowercaseletters", null],
    ["        x", null],
  ])("CR-07 says of %j: %s", async (password, weakness) => {
    expect(await findPasswordWeakness(password, [])).toBe(weakness);
  });

  it.each([
    "password",
    "PassWord",
    "ｐａｓｓｗｏｒｄ",
    "password1",
    "iloveyou",
    "qwertyuiop",
    "1q2w3e4r",
    "trustno1",
    "11111111",
    "aaaaAAAA",
    "        ",
    "zzzzzzzzzzzzzzzz",
    "ééééééééé",
    "12345678",
    "123456789012345",
    "01234567",
    "56789012",
    "98765432",
    "10987654",
    "abcdefgh",
    "ABCDEFGHIJ",
    "tsrqponmlk",
    "αβγδεζηθ",
  ])("CR-07 calls %j common", async (password) => {
    expect(await findPasswordWeakness(password, [])).toBe("common");
  });

  it.each(["12345679", "abcdefgi", "1212121212", "90909090x", "acegikmo"])(
    "does not call %j a run",
    async (password) => {
      expect(await findPasswordWeakness(password, [])).not.toBe("too_short");
      expect(await findPasswordWeakness(`${password}-${password}`, [])).toBeNull();
    },
  );

  it.each([
    "alice-w0nder",
    "ALICE-W0NDER",
    "alice-w0nder@Example.org",
    "a.wonderland",
    "Our Own Portal",
    "our own portal",
  ])("CR-07 refuses %j, which belongs to the user or the site", async (password) => {
    const context = [
      "Alice-w0nder",
      "alice-w0nder@example.org",
      "A.Wonderland@example.org",
      "Our Own Portal",
      "",
    ];
    expect(await findPasswordWeakness(password, context)).toBe("contains_context");
    expect(await findPasswordWeakness(`${password}!7`, context)).toBeNull();
  });
});
