import { createHash } from "node:crypto";
import { base32nopad } from "@scure/base";
import { buildKeyUri } from "../../src/core/parsing/key-uri.ts";

/** The time of all codes, so that a code is valid for the whole benchmark. */
export const askedAtSeconds = 1_800_000_014;

/** A secret of 160 bits that looks random and is the same in every run. */
export const secretOf = (account: string): Buffer => createHash("sha1").update(account).digest();

const issuers = ["Sallyport", "ACME Co"];
const accounts = ["ada", "ada@example.com", "grace.hopper@mathematics.example.org", "u-0199f3b2"];

/** What the QR codes say: provisioning URIs of usual lengths. */
export const keyUris: readonly string[] = issuers.flatMap((issuer) =>
  accounts.map((account) =>
    buildKeyUri({ issuer, account, secret: base32nopad.encode(secretOf(`${issuer} ${account}`)) }),
  ),
);
