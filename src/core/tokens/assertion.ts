import { SignJWT } from "jose";
import type { Keyring } from "../crypto/keyring.ts";

/** The highest factor that a session has verified. */
export type AuthenticationLevel = "first_factor" | "second_factor";

/** The visitor of an allowed request, as the origin is told. */
export interface AssertedIdentity {
  readonly userId: string;
  readonly username: string;
  readonly email: string | null;
  readonly acr: AuthenticationLevel;
  readonly amr: readonly string[];
  readonly authenticatedAt: Date;
}

/** The requests that an assertion is valid for: a host, and the paths and methods of the policy's rule (INC-28). */
export interface AssertedScope {
  /** The host of the visitor's request, with its port unless that is the default port. */
  readonly host: string;
  /** The `path` claim: see {@link signAssertion}. */
  readonly pathPrefix: string;
  /** The methods of the rule. Null: every method. */
  readonly methods: readonly string[] | null;
}

/** Long enough for an origin whose clock is some seconds off. */
const assertionTtlSeconds = 60;

/**
 * Signs the assertion that the gate sends to the origin: a JWT (RFC 7519) with EdDSA (RFC 8037).
 *
 * The claims, and what an origin checks:
 *
 * - `iss`, `aud`, `exp`: the Worker's base address, this origin, at most 60 s ahead (RFC 7519 4.1).
 * - `acr`: the highest factor that the session has verified, `first_factor` or `second_factor`. An origin whose page needs
 *   the second factor accepts `second_factor` only. `amr` (RFC 8176) lists the methods, and `auth_time` is the time of the
 *   last factor, which an origin whose page has a `max_age` checks.
 * - `host`: equals the host of the request.
 * - `path`: covers the request's path, decoded and with dot segments resolved, as the origin uses it to select the page. A
 *   `path` that ends in `/` covers every path that begins with it, and the path without this slash: `/admin/` covers
 *   `/admin` and `/admin/x`, and not `/administrator`. A `path` that ends in `$` covers the one path before the `$`: `/feed$`
 *   covers `/feed`. There is no other form. `/` covers every path: it stands for a rule for `/*`, and for the default
 *   (`second_factor`) where no rule matched.
 * - `methods`: present only when the rule names methods. The request's method is one of them; `GET` also covers `HEAD`.
 *
 * @param issuer the Worker's base address; its keys are at `{issuer}/.well-known/jwks.json`
 * @param audience the address of the origin
 */
export async function signAssertion(
  keyring: Keyring,
  {
    issuer,
    audience,
    identity,
    scope,
    now,
  }: { issuer: string; audience: string; identity: AssertedIdentity; scope: AssertedScope; now: Date },
): Promise<string> {
  const keys = await keyring.assertionKeys(keyring.currentKid);
  if (keys === null) throw new Error(`Key "${keyring.currentKid}" is current and not in KEYRING`);
  const issuedAt = toSeconds(now);
  return new SignJWT({
    preferred_username: identity.username,
    ...(identity.email === null ? {} : { email: identity.email }),
    acr: identity.acr,
    amr: [...identity.amr],
    auth_time: toSeconds(identity.authenticatedAt),
    host: scope.host,
    path: scope.pathPrefix,
    ...(scope.methods === null ? {} : { methods: [...scope.methods] }),
  })
    .setProtectedHeader({ alg: "EdDSA", kid: keyring.currentKid, typ: "JWT" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(identity.userId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + assertionTtlSeconds)
    .sign(keys.privateKey);
}

/** A public key as a JWK (RFC 7517, RFC 8037). */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly alg: "EdDSA";
  readonly use: "sig";
  readonly kid: string;
  readonly x: string;
}

/** Returns the public keys of all keys of `KEYRING`, so that tokens signed with an older key stay verifiable. */
export async function listPublicJwks(keyring: Keyring): Promise<PublicJwk[]> {
  const keys = await Promise.all(
    keyring.kids.map(async (kid) => ({ kid, pair: await keyring.assertionKeys(kid) })),
  );
  return keys.flatMap(({ kid, pair }) =>
    pair === null ? [] : [{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid, x: pair.publicX }],
  );
}

const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
