import { createHash } from "node:crypto";
import { base32nopad } from "@scure/base";
import { formatOtpauthUri } from "../../src/core/parsing/key-uri.ts";

/** The simulated time at which all codes are generated and verified, so that a code stays valid for the whole benchmark. */
export const clockSeconds = 1_800_000_014;

/** A secret of 160 bits that looks random and is the same in every run. */
export const secretOf = (account: string): Buffer => createHash("sha1").update(account).digest();

const issuers = ["Sallyport", "ACME Co"];
const accounts = ["ada", "ada@example.com", "grace.hopper@mathematics.example.org", "u-0199f3b2"];

/** The texts of the QR codes: provisioning URIs of common lengths. */
export const keyUris: readonly string[] = issuers.flatMap((issuer) =>
  accounts.map((account) =>
    formatOtpauthUri({ issuer, account, secret: base32nopad.encode(secretOf(`${issuer} ${account}`)) }),
  ),
);
