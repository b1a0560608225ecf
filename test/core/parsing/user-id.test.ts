import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backendUserIdPattern,
  listPossibleStoredUserIds,
  realmNamePattern,
  toBackendUserId,
  toStoredUserId,
} from "../../../src/core/parsing/user-id.ts";

const realms = ["local", "shop", "shop2", "a", "shop.eu", "sho"] as const;
const realm = fc.constantFrom(...realms);
/** Ids that were made to be taken for others, among any others. */
const id = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."aB3:%/._-~"), minLength: 1, maxLength: 12 }),
  fc.tuple(realm, fc.string({ unit: "binary-ascii", maxLength: 8 })).map(([name, rest]) => `${name}:${rest}`),
  fc.uuid(),
);

describe("the id of a user whom a backend names", () => {
  it.each([
    "42",
    "a",
    "aB3",
    "a/b",
    "50%",
    "%41",
    "shop:42",
    "x".repeat(128),
    "...",
    ".a",
    "~!*'()",
    "a@b.c",
  ])("may be %s", (text) => expect(backendUserIdPattern.test(text)).toBe(true));

  it.each(["", ".", "..", "a b", "a\n", "\0", "é", "a\u00a0", "٣", "x".repeat(129)])(
    "may not be %j",
    (text) => expect(backendUserIdPattern.test(text)).toBe(false),
  );

  it("is shown as it came", () => {
    fc.assert(
      fc.property(realm, id, (name, own) => toBackendUserId(name, toStoredUserId(name, own)) === own),
    );
  });

  it("WB-09 is in the store as one of the ids that its name can mean, and no other name of the realm means that", () => {
    fc.assert(
      fc.property(realm, id, id, (name, one, other) => {
        const stored = toStoredUserId(name, one);
        expect(listPossibleStoredUserIds(name, one)).toContain(stored);
        if (one !== other) expect(listPossibleStoredUserIds(name, other)).not.toContain(stored);
      }),
    );
  });

  it("WB-09 is in the store where no id of another realm is", () => {
    fc.assert(
      fc.property(realm, realm, id, id, (name, otherName, one, other) => {
        if (name !== otherName) expect(toStoredUserId(name, one)).not.toBe(toStoredUserId(otherName, other));
      }),
    );
  });

  it("is exact: case and spelling are not forgiven", () => {
    expect(listPossibleStoredUserIds("shop", "aB3")).toEqual(["shop:aB3", "aB3"]);
    expect(listPossibleStoredUserIds("shop", "Ab3")).not.toContain("aB3");
  });

  it("with the name of its own realm in front is not also the id without it", () => {
    expect(listPossibleStoredUserIds("shop", "shop:42")).toEqual(["shop:shop:42"]);
    expect(listPossibleStoredUserIds("shop", "other:42")).toEqual(["shop:other:42", "other:42"]);
  });
});

describe("a realm", () => {
  it.each(["local", "shop", "a", "0", "shop.eu-1_x", "x".repeat(64)])("may be called %s", (name) => {
    expect(realmNamePattern.test(name)).toBe(true);
  });

  it.each(["", "Shop", "shop:", "a:b", "a/b", ".a", "-a", "_a", "a b", "a\n", "é", "x".repeat(65)])(
    "may not be called %j",
    (name) => expect(realmNamePattern.test(name)).toBe(false),
  );
});
