import { describe, expect, it } from "vitest";
import { describeUnsupportedTotpParameters } from "../../../src/core/parsing/totp-parameters.ts";

describe("the parameters of codes of another system", () => {
  it.each([
    {},
    { algorithm: "", digits: "", period: " " },
    { algorithm: "SHA1", digits: 6, period: 30 },
    { algorithm: "SHA-1", digits: "6", period: "30" },
    { algorithm: " HMAC-SHA-1 ", digits: "06", period: "30.0" },
    { algorithm: "hmac_sha1", digits: 6.0, period: "0030." },
  ])("URI-03 are supported: %j", (parameters) => {
    expect(describeUnsupportedTotpParameters(parameters)).toBeNull();
  });

  it.each([
    [{ algorithm: "SHA256" }, "algorithm SHA-256"],
    [{ algorithm: "HmacSHA512" }, "algorithm SHA-512"],
    [{ algorithm: "SHA1HMAC" }, "another algorithm"],
    [{ digits: 8 }, "digits 8"],
    [{ digits: "8" }, "digits 8"],
    [{ digits: 0 }, "digits 0"],
    [{ digits: 1e21 }, "digits of another form"],
    [{ period: 60 }, "period 60"],
    [{ period: "30000" }, "period of another form"],
    [{ period: "six" }, "period of another form"],
    [{ algorithm: "md5", digits: 7, period: 15 }, "algorithm MD5, digits 7, period 15"],
  ])("OTP-07 URI-03 are not supported: %j", (parameters, finding) => {
    expect(describeUnsupportedTotpParameters(parameters)).toBe(
      `has ${finding}. Only SHA-1, 6 digits and 30 seconds are supported, so the user has to enrol again.`,
    );
  });
});
