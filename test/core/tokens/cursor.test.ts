import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCursor, parseCursor } from "../../../src/core/tokens/cursor.ts";

describe("a cursor", () => {
  it("gives back the position that it was made of, whatever characters that has", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (position) => {
        const cursor = encodeCursor("users", position);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
        expect(parseCursor("users", cursor)).toBe(position);
      }),
    );
  });

  it("belongs to one kind of list", () => {
    const cursor = encodeCursor("users", "ada");
    for (const other of ["events", "api-keys", "user", "users ada", "", "Users"])
      expect(parseCursor(other, cursor), other).toBeNull();
  });

  it.each([
    ["nothing", ""],
    ["a kind alone", Buffer.from("users").toString("base64url")],
    ["padding", `${Buffer.from("users a").toString("base64url")}=`],
    ["plain base64", "dXNlcnMg++++"],
    ["white space", "dXNlcnMg YWRh"],
    ["bytes that are no text", Buffer.from([...Buffer.from("users "), 0xff, 0xfe]).toString("base64url")],
    ["half a character", Buffer.from([...Buffer.from("users "), 0xc3]).toString("base64url")],
  ])("is not read from %s", (_, text) => {
    expect(parseCursor("users", text)).toBeNull();
  });

  it("is null, and never an exception, for any other text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => parseCursor("users", text) === null));
  });
});
