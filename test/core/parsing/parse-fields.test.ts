import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { parseFields } from "../../../src/core/parsing/parse-fields.ts";
import { describeUnknownNames, quoteName } from "../../../src/core/parsing/unknown-fields.ts";

const known = ["username", "password", "password_hash", "totp_last_step"];
const describeField = (name: string) => describeUnknownNames("field", [name], known);

describe("an unknown name", () => {
  it.each([
    ["pasword", "password"],
    ["passwrod", "password"],
    ["user_name", "username"],
    ["UserName", "username"],
    ["username ", "username"],
    ["\uFEFFusername", "username"],
    ["passwordHash", "password_hash"],
    ["hash", "password_hash"],
    ["totpLastStep", "totp_last_step"],
  ])("WB-08 is named with the nearest known name: %j", (name, nearest) => {
    expect(describeField(name)).toContain(`(did you mean "${nearest}"?)`);
    expect(describeField(name)).not.toContain("Known:");
  });

  it("WB-08 is named with all known names where none is near", () => {
    expect(describeField("role")).toBe(`Unknown field "role". Known: ${known.join(", ")}.`);
    expect(describeUnknownNames("parameter", ["x"], [])).toBe('Unknown parameter "x". None is known here.');
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", ""])(
    "WB-08 can be the name of a part of every object: %j",
    (name) => {
      expect(describeField(name)).toBe(`Unknown field "${name}". Known: ${known.join(", ")}.`);
    },
  );

  it("LG-04 is escaped and shortened, so that it is one line of printable ASCII", () => {
    expect(quoteName("\u001b[31m\r\nx")).toBe('"\\u001b[31m\\r\\nx"');
    expect(quoteName('a"b\u202eü')).toBe('"a\\"b\\u202e\\u00fc"');
    expect(quoteName("-".repeat(10_000))).toBe(`"${"-".repeat(40)}" (shortened)`);
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (names) => {
        const text = describeUnknownNames("field", names, known);
        expect(text).toMatch(/^[\x20-\x7e]+$/);
        expect(text.length).toBeLessThan(1200);
      }),
    );
  });

  it("LG-03 is not repeated where it could be a secret that has come to the wrong place", () => {
    for (const secret of [
      "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
      "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
      "0123456789abcdef0123456789abcdef",
      `sk_${"a1".repeat(20)}`,
      "JBSWY3DPEHPK3PXP",
      "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP",
    ])
      expect(describeField(secret)).not.toContain(secret.slice(3, 12));
    for (const name of ["disableableCredentialTypes", "second_factor_blocked_until2", "backup_code_1"])
      expect(describeField(name)).toContain(`"${name}"`);
  });

  it("LG-03 has no place where it could be a secret", () => {
    const schema = z.strictObject({ code: z.string() });
    const parsed = parseFields(schema, { JBSWY3DPEHPK3PXP: 1 });
    expect(JSON.stringify(parsed)).not.toContain("JBSWY3DP");
  });

  it("INC-30 is one of ten thousand in a message of bounded length", () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `${"x".repeat(1000)}${index}`);
    const text = describeUnknownNames("field", names, known);
    expect(text).toContain(" and 9997 more.");
    expect(text.length).toBeLessThan(400);
  });
});

describe("the fields of an input", () => {
  const schema = z.strictObject({
    code: z.string("must be a string"),
    inner: z.optional(z.array(z.strictObject({ name: z.optional(z.string("must be a string")) }))),
  });

  it("are what the schema makes of them", () => {
    expect(parseFields(schema, { code: "1" })).toEqual({ ok: true, fields: { code: "1" } });
  });

  it("are named by the first that is invalid, without its value", () => {
    expect(parseFields(schema, { code: 12345 })).toEqual({
      ok: false,
      kind: "invalid_field",
      place: "code",
      detail: "code: must be a string",
    });
  });

  it("WB-08 are named by the unknown one before the one that is missing for it", () => {
    expect(parseFields(schema, { coed: "1" })).toEqual({
      ok: false,
      kind: "unknown_field",
      place: "coed",
      detail: 'Unknown field "coed" (did you mean "code"?).',
    });
  });

  it("WB-08 are named with the path to them", () => {
    expect(parseFields(schema, { code: "1", inner: [{}, { nam: "x" }] })).toEqual({
      ok: false,
      kind: "unknown_field",
      place: "inner.1.nam",
      detail: 'inner.1: Unknown field "nam" (did you mean "name"?).',
    });
  });

  it("are known to messages where the caller has taken them out", () => {
    const parsed = parseFields(
      z.strictObject({}),
      { relm: "x" },
      { noun: "parameter", alsoKnown: ["realm"] },
    );
    expect(parsed).toMatchObject({ detail: 'Unknown parameter "relm" (did you mean "realm"?).' });
  });
});
