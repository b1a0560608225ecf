import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatOtpauthUri } from "../../../src/core/parsing/key-uri.ts";
import { parseOtpauthUri } from "../../../src/core/parsing/otpauth.ts";

const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/** What a well-formed URI is read as. */
const read = (uri: string) => {
  const parsed = parseOtpauthUri(uri);
  return parsed.ok ? [parsed.issuer, parsed.account, parsed.secret] : parsed.reason;
};

describe("reading a provisioning URI", () => {
  it.each([
    // The two examples of Google's Key URI Format.
    [
      "otpauth://totp/Example:alice@google.com?secret=JBSWY3DPEHPK3PXP&issuer=Example",
      ["Example", "alice@google.com", "JBSWY3DPEHPK3PXP"],
    ],
    [
      "otpauth://totp/ACME%20Co:john.doe@email.com?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30",
      ["ACME Co", "john.doe@email.com", "HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ"],
    ],
    // The format's own examples of labels.
    [`otpauth://totp/Example:alice@gmail.com?secret=${secret}`, ["Example", "alice@gmail.com", secret]],
    [`otpauth://totp/Provider1:Alice%20Smith?secret=${secret}`, ["Provider1", "Alice Smith", secret]],
    [
      `otpauth://totp/Big%20Corporation%3A%20alice%40bigco.com?secret=${secret}`,
      ["Big Corporation", "alice@bigco.com", secret],
    ],
  ])("URI-01 reads %s as the format says", (uri, parts) => {
    expect(read(uri)).toEqual(parts);
  });

  it.each([
    ["a name alone", "alice@x.y", [null, "alice@x.y", secret]],
    ["nothing before the colon", ":alice", [null, "alice", secret]],
    ["nobody", "", [null, "", secret]],
    ["a plus sign, which is none of a space", "A+B:c+d", ["A+B", "c+d", secret]],
    ["a colon that belongs to the account", "A:b%3Ac", ["A", "b:c", secret]],
    ["a second colon", "A:b:c", ["A", "b:c", secret]],
    ["spaces behind the colon", "A:%20%20b", ["A", "b", secret]],
    ["other scripts", "%E6%97%A5:J%C3%BCrgen", ["日", "Jürgen", secret]],
  ])("takes a label with %s", (_what, label, parts) => {
    expect(read(`otpauth://totp/${label}?secret=${secret}`)).toEqual(parts);
  });

  it.each([
    "algorithm=SHA1",
    "algorithm=sha1",
    "algorithm=SHA-1",
    "algorithm=HmacSHA1",
    "digits=6",
    "period=30",
  ])("URI-03 takes %s, which is the default", (parameter) => {
    expect(read(`otpauth://totp/a?${parameter}&secret=${secret}`)).toEqual([null, "a", secret]);
  });

  it.each([
    "algorithm=SHA256",
    "algorithm=SHA512",
    "algorithm=MD5",
    "algorithm=",
    "algorithm=SHA1%00",
    "digits=8",
    "digits=7",
    "digits=06",
    "digits=",
    "digits=6.0",
    "period=60",
    "period=120",
    "period=030",
    "period=3e1",
    "period=",
    "encoder=steam",
    "counter=0",
    "__proto__=x",
  ])("URI-03 OTP-07 refuses %s, whose codes are others", (parameter) => {
    expect(read(`otpauth://totp/a?secret=${secret}&${parameter}`)).toBe("unsupported_parameters");
  });

  it.each(["hotp", "HOTP", "steam", "motp"])("refuses otpauth://%s/", (type) => {
    expect(read(`otpauth://${type}/a?secret=${secret}&counter=0`)).toBe("unsupported_parameters");
  });

  it("lets what only changes the look of an entry pass", () => {
    expect(read(`otpauth://totp/a?secret=${secret}&image=https%3A%2F%2Fx.y%2Fi.png&color=ff0000`)).toEqual([
      null,
      "a",
      secret,
    ]);
  });

  it.each([
    ["nothing", ""],
    ["another scheme", `https://totp/a?secret=${secret}`],
    ["text before it", ` otpauth://totp/a?secret=${secret}`],
    ["text behind it", `otpauth://totp/a?secret=${secret}\n`],
    ["no type", `otpauth:///a?secret=${secret}`],
    ["no label", `otpauth://totp?secret=${secret}`],
    ["no query", "otpauth://totp/a"],
    ["an empty query", "otpauth://totp/a?"],
    ["no secret", "otpauth://totp/a?issuer=A"],
    ["an empty secret", "otpauth://totp/a?secret="],
    ["a secret in capitals", `otpauth://totp/a?SECRET=${secret}&x`],
    ["a fragment", `otpauth://totp/a?secret=${secret}#x`],
    ["a second question mark", `otpauth://totp/a?secret=${secret}&issuer=A?B`],
    ["a space", `otpauth://totp/a b?secret=${secret}`],
    ["a tab", `otpauth://totp/a\tb?secret=${secret}`],
    ["a letter that is not ASCII", `otpauth://totp/ü?secret=${secret}`],
    ["a lone percent sign", `otpauth://totp/100%?secret=${secret}`],
    ["half an escape", `otpauth://totp/a?secret=${secret}&issuer=%4`],
    ["bytes that are not UTF-8", `otpauth://totp/%ff?secret=${secret}`],
    ["an overlong encoding", `otpauth://totp/%c0%af?secret=${secret}`],
    ["half of a surrogate pair", `otpauth://totp/%ed%a0%80?secret=${secret}`],
    ["two secrets", `otpauth://totp/a?secret=${secret}&secret=${secret}`],
    ["two periods", `otpauth://totp/a?secret=${secret}&period=30&period=60`],
    ["a name twice, once encoded", `otpauth://totp/a?secret=${secret}&per%69od=30&period=30`],
    ["a parameter without a name", `otpauth://totp/a?secret=${secret}&=1`],
    ["an empty parameter", `otpauth://totp/a?secret=${secret}&&period=30`],
  ])("refuses %s", (_what, uri) => {
    expect(read(uri)).toBe("invalid_format");
  });

  it("never repeats in its refusal what it was given", () => {
    for (const uri of [
      `otpauth://totp/me?secret=${secret}&period=60`,
      `otpauth://totp/me%?secret=${secret}`,
    ]) {
      expect(JSON.stringify(parseOtpauthUri(uri))).not.toMatch(/JBSW|otpauth:\/\/totp\/me|60/);
    }
  });

  it("URI-01 gives back whatever `formatOtpauthUri` was given", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.string({ unit: "grapheme", minLength: 1 }),
        (issuer, account) => {
          const parsed = parseOtpauthUri(formatOtpauthUri({ issuer, account, secret }));
          expect(parsed).toEqual({ ok: true, issuer, account: account.trimStart(), secret });
        },
      ),
    );
  });

  it("answers to any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (label, query) => {
        expect(typeof parseOtpauthUri(`otpauth://totp/${label}?secret=A&${query}`).ok).toBe("boolean");
      }),
    );
  });
});
