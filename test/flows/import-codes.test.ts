import { describe, expect, it } from "vitest";
import { operator } from "../support/backend.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile, rfcSecret } from "../support/import-export.ts";
import { query } from "../support/rows.ts";
import { code } from "../support/worker.ts";

useFreshWorker();

const shop = { realm: "shop" };
const verifyCode = async (id: string) =>
  (await operator().post(`/v1/users/${id}/verify?realm=shop`, { code: await code(rfcSecret) })).status;
const enrolAgain = "Only SHA-1, 6 digits and 30 seconds are supported, so the user has to enrol again.";

describe("an imported provisioning URI", () => {
  it.each([
    `otpauth://totp/ACME%20Co:ada?secret=${rfcSecret}&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30`,
    `otpauth://totp/ACME Co:Ada Łąka?secret=${rfcSecret.toLowerCase()}&issuer=ACME Co&`,
    `otpauth://totp/ACME+Co%3Aada%40x.y?issuer=ACME+Co&secret=${rfcSecret}%3D%3D%3D%3D%3D%3D`,
    `OTPAUTH://totp/ada?algorithm=HmacSHA1&digits=06&secret=${rfcSecret.replace(/(.{4})/g, "$1 ")}&lock=false&image=x`,
    `otpauth://totp/100%:ada?codeDisplay=1&creator=X&serial=Y&issuer=&secret=${rfcSecret.replace(/(.{4})/g, "$1-")}`,
  ])("URI-01 URI-02 gives codes that are accepted: %s", async (otpauth) => {
    const { json } = await importFile(fileOf({ id: "1", username: "ada", otpauth }), shop);
    expect(json.data).toMatchObject({ created: 1, errors: [] });
    expect(await verifyCode("1")).toBe(200);
  });

  it("INC-36 names no user by a label that is no user name", async () => {
    const { json } = await importFile(
      fileOf(
        { otpauth: `otpauth://totp/a%00b?secret=${rfcSecret}` },
        { otpauth: `otpauth://totp/%ff?secret=A` },
      ),
      shop,
    );
    expect(json.data.errors.map(({ detail }: { detail: string }) => detail)).toEqual([
      "username: is missing, and the label of otpauth is no user name",
      "otpauth: has a label that is not UTF-8",
    ]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("OTP-07 URI-03 is refused with the reason where its codes are others", async () => {
    const { json } = await importFile(
      fileOf(
        { id: "1", otpauth: `otpauth://totp/a?secret=${rfcSecret}&algorithm=SHA256&digits=8` },
        { id: "2", otpauth: `otpauth://hotp/a?secret=${rfcSecret}&counter=1` },
        { id: "3", otpauth: `otpauth://totp/a?secret=${rfcSecret}`, period: 60 },
      ),
      shop,
    );
    expect(json.data.errors).toEqual([
      {
        line: 1,
        code: "unsupported_parameters",
        detail: `otpauth: has algorithm SHA-256, digits 8. ${enrolAgain}`,
      },
      {
        line: 2,
        code: "unsupported_parameters",
        detail: `otpauth: has codes that are counted (HOTP). ${enrolAgain}`,
      },
      { line: 3, code: "unsupported_parameters", detail: `secret: has period 60. ${enrolAgain}` },
    ]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });
});

describe("the parameters beside an imported secret", () => {
  it.each([
    { algorithm: "SHA1", digits: 6, period: 30 },
    { algorithm: "hmac-sha-1", digits: "6", period: "30.0" },
    { algorithm: "", digits: null, period: "" },
  ])("URI-03 are supported: %j", async (parameters) => {
    await importFile(fileOf({ id: "1", secret: rfcSecret, ...parameters }), shop);
    expect(await verifyCode("1")).toBe(200);
  });

  it("OTP-07 URI-03 are judged, and the account is not imported without its second factor", async () => {
    const { json } = await importFile(
      fileOf(
        { id: "1", secret: rfcSecret, algorithm: "SHA512" },
        { id: "2", secret: rfcSecret, digits: "8" },
        { id: "3", secret: rfcSecret, period: true },
      ),
      shop,
    );
    expect(json.data.errors).toEqual([
      { line: 1, code: "unsupported_parameters", detail: `secret: has algorithm SHA-512. ${enrolAgain}` },
      { line: 2, code: "unsupported_parameters", detail: `secret: has digits 8. ${enrolAgain}` },
      { line: 3, code: "invalid_format", detail: "period: must be a whole number, or its text" },
    ]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("are not judged without a secret", async () => {
    const { json } = await importFile(fileOf({ id: "1", algorithm: "SHA512", digits: 8 }), shop);
    expect(json.data).toMatchObject({ created: 1, failed: 0 });
  });
});
