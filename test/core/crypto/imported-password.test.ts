import { describe, expect, it } from "vitest";
import { classifyImportedPasswordHash } from "../../../src/core/crypto/imported-password.ts";
import { isVerifiablePasswordHash } from "../../../src/core/crypto/password-hash.ts";
import { fastHashes, scryptHashes, slowHashes } from "../../support/foreign-hashes.ts";

const b64 = "c29tZXNhbHRzb21lc2FsdA";
const digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

describe("a password hash of another system", () => {
  it.each([
    `$scrypt$ln=14,r=8,p=5$${b64}$${digest}`,
    `$scrypt$ln=14,r=8,p=8$${b64}$${digest}`,
    `$scrypt$ln=16,r=8,p=1$${b64}==$${digest}=`,
    ...Object.values(scryptHashes),
  ])("CR-06 is kept and verified where it is scrypt of no more work than the platform allows: %s", (hash) => {
    const support = classifyImportedPasswordHash(hash);
    expect(support).toEqual({ kind: "verifiable", stored: expect.stringMatching(/^\$scrypt\$ln=/) });
    expect(support.kind === "verifiable" && isVerifiablePasswordHash(support.stored)).toBe(true);
  });

  it.each<readonly [form: string, hash: string]>([
    ["scrypt", `$scrypt$ln=18,r=8,p=1$${b64}$${digest}`],
    ["scrypt", `$scrypt$ln=17,r=8,p=1$${b64}$${digest}`],
    ["scrypt", `$scrypt$ln=14,r=8,p=9$${b64}$${digest}`],
    ["argon2", `$argon2id$v=19$m=19456,t=2,p=1$${b64}$${digest}`],
    ["argon2", `$argon2i$m=65536,t=3,p=4$${b64}$${digest}`],
    ["argon2", `$argon2d$v=16$m=512,t=2,p=2,keyid=a2V5,data=ZGF0YQ$${b64}$${digest}`],
    ["bcrypt", "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["bcrypt", "$2y$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["bcrypt", "$2a$05$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["PBKDF2", `$pbkdf2-sha256$i=600000$${b64}$${digest}`],
    ["PBKDF2", `$pbkdf2-sha512$i=210000,l=64$${b64}$${digest}`],
    ["PBKDF2", "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk"],
    ["PBKDF2", "pbkdf2_sha256$600000$Jw7qkzR5$gkDPvVhIIcU3X3D2Ww2nHZ2n1pJpLFJdBKQ2O5JZ0hE="],
    ["scrypt", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"],
    ...slowHashes,
  ])("is kept for a reset, as %s: %s", (form, hash) => {
    expect(classifyImportedPasswordHash(hash)).toEqual({ kind: "reset_required", form, stored: hash });
  });

  it.each(fastHashes)(
    "CR-06 is kept for a reset by its form alone where it is guessed quickly, as %s: %s",
    (form, hash) => {
      const support = { kind: "reset_required", form, stored: form };
      expect(classifyImportedPasswordHash(hash)).toEqual(support);
      // An export has what is stored, and its import gives the same.
      expect(classifyImportedPasswordHash(form)).toEqual(support);
    },
  );

  it.each(["{noop}password", "{NOOP}", "{CLEARTEXT}secret"])(
    "is none where it is the password itself: %s",
    (text) => {
      expect(classifyImportedPasswordHash(text)).toEqual({ kind: "plain_password" });
    },
  );

  it.each([
    [`$scrypt$ln=20,r=1,p=1$${b64}$${digest}`, "N must be below"],
    [`$scrypt$ln=16,r=1,p=1$${b64}==$${digest}=`, "N must be below"],
    [`$scrypt$ln=1,r=524288,p=1$${b64}$${digest}`, "r must be"],
    [`$scrypt$ln=1,r=1,p=524288$${b64}$${digest}`, "p must be"],
    [`$scrypt$ln=0,r=8,p=1$${b64}$${digest}`, "logN must be"],
    [`$scrypt$ln=99999999999999999999,r=8,p=1$${b64}$${digest}`, "logN must be"],
    [`$scrypt$ln=14,r=8,p=5$${"A".repeat(400)}$${digest}`, "saltBytes must be"],
    [`$scrypt$ln=14,r=8,p=5$${b64}$AAAA`, "hashBytes must be"],
  ])("INC-30 is refused where no scrypt hash has such parameters: %s", (hash, bound) => {
    expect(classifyImportedPasswordHash(hash)).toEqual({
      kind: "unsupported",
      detail: expect.stringContaining(bound),
    });
  });

  it.each([
    "",
    "password",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "$1$salt$tooshort",
    "!FxkHkztyIWsgItLZwbl9n8BsGDib5IRgIrj4bsHZ",
    "{bcrypt}password",
    "{SSHA} with a blank",
    "{unknown}K/8f8OVjzFfx/u2Oa8Jyxvn5sxgzJsQY",
    `${"$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}`.repeat(2),
    "$5$rounds=5000$salt$x",
    "$2b$10$tooshort",
    "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n",
    "x$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$argon2id$v=19$m=19456,t=2,p=1$salt",
    "$scrypt$ln=14,r=8,p=5$$",
    `$argon2id$v=19$m=19456,t=2,p=1$${b64}$${"A".repeat(600)}`,
  ])("is not known: %j", (hash) => {
    expect(classifyImportedPasswordHash(hash)).toEqual({ kind: "unknown" });
  });
});
