import { decodeBase32IgnorePadding } from "@oslojs/encoding";
import * as oslo from "@oslojs/otp";
import * as otpauth from "otpauth";
import * as otplib from "otplib";
import {
  computeHotp,
  computeTimeStep,
  decodeTotpSecret,
  findTimeStepOfCode,
} from "../../../src/core/crypto/totp.ts";

/** A secret as base32, which is its stored form, or as bytes. */
export type Secret = string | Uint8Array<ArrayBuffer>;

/** TOTP with SHA-1 and time steps of 30 s, at the time of `Date.now`. */
export interface TotpLibrary {
  generate(secret: Secret, digits: 6 | 8): string | Promise<string>;
  /** True when a code of six digits is valid for the current, the previous or the next time step. */
  verify(secret: Secret, code: string): boolean | Promise<boolean>;
}

const periodSeconds = 30;

/** Each library is called as documented. */
export const totpLibraries: Readonly<Record<string, TotpLibrary>> = {
  sallyport: {
    generate: (secret, digits) =>
      computeHotp(bytesOf(secret, decodeTotpSecret), computeTimeStep(new Date(Date.now())), digits),
    verify: async (secret, code) =>
      (await findTimeStepOfCode(bytesOf(secret, decodeTotpSecret), code, new Date(Date.now()))) !== null,
  },
  otplib: {
    generate: (secret, digits) => otplib.generate({ secret, digits }),
    verify: async (secret, token) =>
      (await otplib.verify({ secret, token, epochTolerance: periodSeconds })).valid,
  },
  otpauth: {
    generate: (secret, digits) => otpauthOf(secret, digits).generate(),
    verify: (secret, token) => otpauthOf(secret, 6).validate({ token, window: 1 }) !== null,
  },
  oslo: {
    generate: (secret, digits) =>
      oslo.generateTOTP(bytesOf(secret, decodeBase32IgnorePadding), periodSeconds, digits),
    verify: (secret, code) => {
      const key = bytesOf(secret, decodeBase32IgnorePadding);
      return oslo.verifyTOTPWithGracePeriod(key, periodSeconds, 6, code, periodSeconds);
    },
  },
};

function bytesOf(secret: Secret, decode: (base32: string) => Uint8Array): Uint8Array {
  return typeof secret === "string" ? decode(secret) : secret;
}

function otpauthOf(secret: Secret, digits: number): otpauth.TOTP {
  return new otpauth.TOTP({
    algorithm: "SHA1",
    digits,
    period: periodSeconds,
    secret: typeof secret === "string" ? secret : new otpauth.Secret({ buffer: secret.buffer }),
  });
}
