import { SignJWT } from "jose";
import type { Keyring } from "../crypto/keyring.ts";

/** What somebody approved with a second factor, for whoever has to rely on it. */
export interface Receipt {
  /** Unique. */
  readonly id: string;
  /** Where the Worker answers; its keys are at `{issuer}/.well-known/jwks.json`. */
  readonly issuer: string;
  readonly realm: string;
  /** As the realm's backend knows the user. */
  readonly userId: string;
  /** What the code was asked for, as the backend said. */
  readonly action: string | null;
  readonly nonce: string | null;
  readonly amr: readonly string[];
  readonly now: Date;
  /** When the code was accepted. Now, if it is not said. */
  readonly authenticatedAt?: Date;
}

/** Long enough to be carried through a browser, too short to be kept as a password. */
export const receiptTtlSeconds = 300;

/** The `typ` of a receipt: it can't be taken for an assertion of the gate. */
export const receiptType = "sallyport-receipt+jwt";

/** Signs a receipt: a JWT (RFC 7519) with EdDSA (RFC 8037), whose audience is the realm. */
export async function signReceipt(keyring: Keyring, receipt: Receipt): Promise<string> {
  const keys = await keyring.assertionKeys(keyring.currentKid);
  if (keys === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
  const seconds = toSeconds(receipt.now);
  const { action, nonce, authenticatedAt = receipt.now } = receipt;
  return new SignJWT({
    ...(action === null ? {} : { action }),
    ...(nonce === null ? {} : { nonce }),
    amr: [...receipt.amr],
    auth_time: toSeconds(authenticatedAt),
  })
    .setProtectedHeader({ alg: "EdDSA", kid: keyring.currentKid, typ: receiptType })
    .setIssuer(receipt.issuer)
    .setAudience(receipt.realm)
    .setSubject(receipt.userId)
    .setJti(receipt.id)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + receiptTtlSeconds)
    .sign(keys.privateKey);
}
