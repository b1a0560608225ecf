import { SignJWT } from "jose";
import type { Keyring } from "./keyring.ts";

/** Who passed the gate, for the origin. */
export interface AssertedIdentity {
  readonly userId: string;
  readonly username: string;
  readonly email: string | null;
  readonly amr: readonly string[];
  readonly authenticatedAt: Date;
}

/** A minute covers the origin's clock being off. */
const assertionTtlSeconds = 60;

/**
 * Signs what the gate vouches for: a JWT (RFC 7519) with EdDSA (RFC 8037).
 *
 * @param issuer where the Worker answers; its keys are at `{issuer}/.well-known/jwks.json`
 * @param audience the origin
 */
export async function signAssertion(
  keyring: Keyring,
  {
    issuer,
    audience,
    identity,
    now,
  }: { issuer: string; audience: string; identity: AssertedIdentity; now: Date },
): Promise<string> {
  const keys = await keyring.assertionKeys(keyring.currentKid);
  if (keys === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  const issuedAt = toSeconds(now);
  return new SignJWT({
    preferred_username: identity.username,
    ...(identity.email === null ? {} : { email: identity.email }),
    amr: [...identity.amr],
    auth_time: toSeconds(identity.authenticatedAt),
  })
    .setProtectedHeader({ alg: "EdDSA", kid: keyring.currentKid, typ: "JWT" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(identity.userId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + assertionTtlSeconds)
    .sign(keys.privateKey);
}

/** A public key as in RFC 7517 and RFC 8037. */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly alg: "EdDSA";
  readonly use: "sig";
  readonly kid: string;
  readonly x: string;
}

/** The public keys of the whole keyring, so that what an older key signed verifies until it ends. */
export async function listPublicKeys(keyring: Keyring): Promise<PublicJwk[]> {
  const keys = await Promise.all(
    keyring.kids.map(async (kid) => ({ kid, pair: await keyring.assertionKeys(kid) })),
  );
  return keys.flatMap(({ kid, pair }) =>
    pair === null ? [] : [{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid, x: pair.publicX }],
  );
}

const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
