import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBase32Secret } from "../../../src/core/crypto/base32-secret.ts";
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
    ["no account", "", [null, "", secret]],
    ["plus signs of an address", "A:ada+shop@x.y", ["A", "ada+shop@x.y", secret]],
    ["a colon that belongs to the account", "A:b%3Ac", ["A", "b:c", secret]],
    ["a second colon", "A:b:c", ["A", "b:c", secret]],
    ["an encoded colon in place of the separator", "A%3Ab", ["A", "b", secret]],
    ["spaces behind the colon", "A:%20%20b", ["A", "b", secret]],
    ["spaces as they are", "ACME Co: Ada L", ["ACME Co", "Ada L", secret]],
    ["other scripts", "%E6%97%A5:J%C3%BCrgen", ["日", "Jürgen", secret]],
    ["other scripts as they are", "日:Jürgen", ["日", "Jürgen", secret]],
    ["a percent sign that encodes nothing", "100% Shop:50%-%zz", ["100% Shop", "50%-%zz", secret]],
    ["a slash and a hash", "A/B #1:ada", ["A/B #1", "ada", secret]],
  ])("takes a label with %s", (_what, label, parts) => {
    expect(read(`otpauth://totp/${label}?secret=${secret}`)).toEqual(parts);
  });

  it("takes plus signs in a label for spaces where that gives the issuer of the parameter", () => {
    const label = "ACME+Co:Ada+L%2BB";
    expect(read(`otpauth://totp/${label}?secret=${secret}&issuer=ACME+Co`)).toEqual([
      "ACME Co",
      "Ada L+B",
      secret,
    ]);
    expect(read(`otpauth://totp/${label}?secret=${secret}&issuer=ACME%2BCo`)).toEqual([
      "ACME+Co",
      "Ada+L+B",
      secret,
    ]);
    expect(read(`otpauth://totp/${label}?secret=${secret}`)).toEqual(["ACME+Co", "Ada+L+B", secret]);
  });

  it.each([
    "algorithm=SHA1",
    "algorithm=sha1",
    "algorithm=SHA-1",
    "algorithm=HmacSHA1",
    "algorithm=HMAC_SHA_1",
    "algorithm=",
    "digits=6",
    "digits=06",
    "digits=",
    "period=30",
    "period=030",
    "period=30.0",
    "period=",
    "Period=30",
  ])("URI-03 takes %s, which is the default", (parameter) => {
    expect(read(`otpauth://totp/a?${parameter}&secret=${secret}`)).toEqual([null, "a", secret]);
  });

  it.each([
    ["algorithm=SHA256", "algorithm SHA-256"],
    ["algorithm=hmac-sha-512", "algorithm SHA-512"],
    ["algorithm=MD5", "algorithm MD5"],
    ["algorithm=SHA1%00", "another algorithm"],
    ["algorithm=SHA11", "another algorithm"],
    ["digits=8", "digits 8"],
    ["digits=-6", "digits of another form"],
    ["digits=6.5", "digits of another form"],
    ["digits=66666", "digits of another form"],
    ["period=60", "period 60"],
    ["PERIOD=60", "period 60"],
    ["period=3e1", "period of another form"],
    ["encoder=steam", "an encoder"],
    ["algorithm=SHA256&digits=8&period=60", "algorithm SHA-256, digits 8, period 60"],
  ])(
    "URI-03 OTP-07 refuses %s, whose codes are others, and says that the user has to enrol again",
    (parameter, finding) => {
      expect(parseOtpauthUri(`otpauth://totp/a?secret=${secret}&${parameter}`)).toEqual({
        ok: false,
        reason: "unsupported_parameters",
        detail: `has ${finding}. Only SHA-1, 6 digits and 30 seconds are supported, so the user has to enrol again.`,
      });
    },
  );

  it.each([
    ["hotp", "codes that are counted (HOTP)"],
    ["HOTP", "codes that are counted (HOTP)"],
    ["steam", "another type than totp"],
    ["motp", "another type than totp"],
  ])("refuses otpauth://%s/, and says that the user has to enrol again", (type, finding) => {
    expect(parseOtpauthUri(`otpauth://${type}/a?secret=${secret}&counter=0`)).toEqual({
      ok: false,
      reason: "unsupported_parameters",
      detail: expect.stringMatching(`^has ${finding.replace(/[()]/g, ".")}\\. .*enrol again\\.$`),
    });
  });

  it.each([
    ["the look of an entry", `secret=${secret}&image=https%3A%2F%2Fx.y%2Fi.png&color=ff0000&icon=x`],
    ["FreeOTP's lock", `secret=${secret}&lock=false`],
    ["Entrust's and PingID's parameters", `codeDisplay=true&secret=${secret}&creator=X&serial=12`],
    ["a counter, which only HOTP has", `secret=${secret}&counter=0`],
    ["names of parts of every object", `__proto__=x&constructor=y&secret=${secret}&toString=`],
    ["an unknown parameter twice", `x=1&secret=${secret}&x=2`],
    ["an unknown parameter that is not UTF-8", `x=%ff&secret=${secret}&%ff=1`],
    ["a known parameter twice with one value", `period=30&secret=${secret}&period=%330`],
    ["an ampersand at the end", `secret=${secret}&`],
    ["empty parameters", `&&secret=${secret}&&x&=1`],
    ["an empty issuer", `secret=${secret}&issuer=`],
    ["a fragment", `secret=${secret}#&period=60`],
    ["a second question mark", `secret=${secret}&x=A?B`],
  ])("reads past %s", (_what, query) => {
    expect(read(`otpauth://totp/a?${query}`)).toEqual([null, "a", secret]);
  });

  it.each([
    ["upper case", `OTPAUTH://TOTP/a?SECRET=${secret}`],
    ["blanks around it", `\uFEFF otpauth://totp/a?secret=${secret}\r\n`],
    ["the account as the last parameter's neighbour", `otpauth://totp/a?period=30&secret=${secret}`],
  ])("reads a URI with %s", (_what, uri) => {
    expect(read(uri)).toEqual([null, "a", secret]);
  });

  it("reads a URI without a label, whose account is empty", () => {
    expect(read(`otpauth://totp?secret=${secret}`)).toEqual([null, "", secret]);
    expect(read(`otpauth://totp/?secret=${secret}&issuer=A`)).toEqual(["A", "", secret]);
  });

  it.each([
    ["lower case", "jbswy3dpehpk3pxpjbswy3dpehpk3pxp"],
    ["raw padding", `${secret}======`],
    ["encoded padding", `${secret}%3D%3D`],
    ["raw blanks", "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"],
    ["encoded blanks", "JBSW%20Y3DP%20EHPK%203PXP%20JBSW%20Y3DP%20EHPK%203PXP"],
    ["blanks of a form", "JBSW+Y3DP+EHPK+3PXP+JBSW+Y3DP+EHPK+3PXP"],
    ["dashes", "jbsw-y3dp-ehpk-3pxp-jbsw-y3dp-ehpk-3pxp"],
  ])("URI-02 reads a secret with %s", (_what, written) => {
    const parsed = parseOtpauthUri(`otpauth://totp/a?secret=${written}&issuer=A`);
    expect(parsed.ok && parseBase32Secret(parsed.secret)?.canonical).toBe(secret);
  });

  it.each([
    ["nothing", ""],
    ["another scheme", `https://totp/a?secret=${secret}`],
    ["text before it", `x otpauth://totp/a?secret=${secret}`],
    ["no type", `otpauth:///a?secret=${secret}`],
    ["no query", "otpauth://totp/a"],
    ["an empty query", "otpauth://totp/a?"],
    ["no secret", "otpauth://totp/a?issuer=A"],
    ["an empty secret", "otpauth://totp/a?secret="],
    ["a blank secret", "otpauth://totp/a?secret=%20+"],
    ["a secret in the fragment", `otpauth://totp/a?issuer=A#&secret=${secret}`],
    ["a secret that is not UTF-8", "otpauth://totp/a?secret=%ff"],
    ["INC-36 a label that is not UTF-8", `otpauth://totp/%ff?secret=${secret}`],
    ["INC-36 an overlong encoding in its label", `otpauth://totp/%c0%af?secret=${secret}`],
    ["INC-36 half of a surrogate pair in its label", `otpauth://totp/%ed%a0%80?secret=${secret}`],
    ["two secrets", `otpauth://totp/a?secret=${secret}&secret=${secret.replace("J", "K")}`],
    ["two periods", `otpauth://totp/a?secret=${secret}&period=30&period=60`],
    ["two periods, one in capitals", `otpauth://totp/a?secret=${secret}&PERIOD=60&period=30`],
    ["two periods, one encoded", `otpauth://totp/a?secret=${secret}&per%69od=60&period=30`],
  ])("refuses %s", (_what, uri) => {
    expect(read(uri)).toBe("invalid_format");
  });

  it.each([
    ["a label", `otpauth://totp/${"%41".repeat(400_000)}?secret=A`],
    ["percent signs", `otpauth://totp/${"%".repeat(1_000_000)}?secret=A`],
    ["parameters", `otpauth://totp/a?${"period=30&".repeat(100_000)}secret=A`],
    ["ampersands", `otpauth://totp/a?${"&".repeat(1_000_000)}secret=A`],
    ["a secret", `otpauth://totp/a?secret=${"=".repeat(1_000_000)}A`],
    ["blanks", `${" ".repeat(1_000_000)}otpauth://totp/a?secret=A`],
    ["no end of the scheme", `otpauth://${"a".repeat(1_000_000)}`],
  ])("reads a megabyte of %s without a limit of its own", (_what, uri) => {
    const parsed = parseOtpauthUri(uri);
    if (parsed.ok) expect(parseBase32Secret(parsed.secret)?.bytes.length ?? 0).toBe(0);
    else expect(parsed.detail.length).toBeLessThan(200);
  });

  it("never repeats in its refusal what it was given", () => {
    for (const uri of [
      `otpauth://totp/me?secret=${secret}&digits=99999999`,
      `otpauth://totp/me?secret=${secret}&algorithm=99999999`,
      `otpauth://totp/me%ff?secret=${secret}`,
      `otpauth://totp/me?secret=${secret}&secret=99999999`,
    ]) {
      expect(JSON.stringify(parseOtpauthUri(uri))).not.toMatch(/JBSW|totp\/me|99999999/);
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
