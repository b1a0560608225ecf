import { describe, expect, it } from "vitest";
import { classifyImportedPasswordHash } from "../../../src/core/crypto/imported-password.ts";

const b64 = "c29tZXNhbHRzb21lc2FsdA";
const digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

describe("a password hash of another system", () => {
  it("CR-06 is kept and verified where it is scrypt of no more work than the platform allows", () => {
    expect(classifyImportedPasswordHash(`$scrypt$ln=14,r=8,p=5$${b64}$${digest}`)).toEqual({
      kind: "verifiable",
    });
    expect(classifyImportedPasswordHash(`$scrypt$ln=14,r=8,p=8$${b64}$${digest}`)).toEqual({
      kind: "verifiable",
    });
  });

  it.each([
    `$scrypt$ln=18,r=8,p=1$${b64}$${digest}`,
    `$scrypt$ln=17,r=8,p=1$${b64}$${digest}`,
    `$scrypt$ln=14,r=8,p=9$${b64}$${digest}`,
    `$scrypt$ln=16,r=8,p=1$${b64}==$${digest}=`,
    `$argon2id$v=19$m=19456,t=2,p=1$${b64}$${digest}`,
    `$argon2i$m=65536,t=3,p=4$${b64}$${digest}`,
    `$argon2d$v=16$m=512,t=2,p=2,keyid=a2V5,data=ZGF0YQ$${b64}$${digest}`,
    "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$2y$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$2a$05$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    `$pbkdf2-sha256$i=600000$${b64}$${digest}`,
    `$pbkdf2-sha512$i=210000,l=64$${b64}$${digest}`,
    "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
    "$pbkdf2$131000$r5WythYixti79977/3/PuQ$3L5aG8ZMxJfKkiJLrgOoXhRjmzQ",
    "pbkdf2_sha256$600000$Jw7qkzR5$gkDPvVhIIcU3X3D2Ww2nHZ2n1pJpLFJdBKQ2O5JZ0hE=",
    "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
  ])("is kept for a reset: %s", (hash) => {
    expect(classifyImportedPasswordHash(hash)).toEqual({ kind: "reset_required" });
  });

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
    "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
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
