import { SignJWT } from "jose";
import type { Keyring } from "../crypto/keyring.ts";

/** The claims of a receipt. A receipt proves to a service that a user has approved an action with a second factor. */
export interface ReceiptClaims {
  /** Unique: the `jti` claim. */
  readonly id: string;
  /** The Worker's base address; its keys are at `{issuer}/.well-known/jwks.json`. */
  readonly issuer: string;
  readonly realm: string;
  /** The user's id in the API of the realm's backend. */
  readonly userId: string;
  /** The action that the user approved, as the backend named it. */
  readonly action: string | null;
  /** Chosen by the backend, which compares it to detect a replayed receipt. */
  readonly nonce: string | null;
  readonly amr: readonly string[];
  readonly now: Date;
  /** When the code was accepted. Default: `now`. */
  readonly authenticatedAt?: Date;
}

/** Long enough for a redirect through a browser, and too short for a receipt to be used like a password. */
export const receiptTtlSeconds = 300;

/** The `typ` of a receipt. It differs from an assertion's, so that neither is accepted as the other. */
export const receiptTypHeader = "sallyport-receipt+jwt";

/** Signs a receipt: a JWT (RFC 7519) with EdDSA (RFC 8037). Its audience is the realm. */
export async function signReceipt(keyring: Keyring, receipt: ReceiptClaims): Promise<string> {
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
    .setProtectedHeader({ alg: "EdDSA", kid: keyring.currentKid, typ: receiptTypHeader })
    .setIssuer(receipt.issuer)
    .setAudience(receipt.realm)
    .setSubject(receipt.userId)
    .setJti(receipt.id)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + receiptTtlSeconds)
    .sign(keys.privateKey);
}
