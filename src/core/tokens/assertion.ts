import { SignJWT } from "jose";
import type { Keyring } from "../crypto/keyring.ts";

/** The highest factor that a session has shown. */
export type AuthenticationLevel = "first_factor" | "second_factor";

/** The visitor of a request that passed, for the origin. */
export interface AssertedIdentity {
  readonly userId: string;
  readonly username: string;
  readonly email: string | null;
  readonly acr: AuthenticationLevel;
  readonly amr: readonly string[];
  readonly authenticatedAt: Date;
}

/** What a request was judged for: the host, and the rule of the policy that decided (INC-28). */
export interface AssertedScope {
  /** The host that the visitor asked for, with its port unless that is the default one. */
  readonly host: string;
  /** See {@link signAssertion}. */
  readonly pathPrefix: string;
  /** The methods of the rule. Null: every method. */
  readonly methods: readonly string[] | null;
}

/** A minute covers the origin's clock being off. */
const assertionTtlSeconds = 60;

/**
 * Signs what the gate vouches for: a JWT (RFC 7519) with EdDSA (RFC 8037).
 *
 * The claims, and what an origin checks:
 *
 * - `iss`, `aud`, `exp`: the Worker's base address, this origin, at most 60 s ahead (RFC 7519 4.1).
 * - `acr`: what the session has shown, `first_factor` or `second_factor`. An origin whose page needs the second factor
 *   accepts `second_factor` only. `amr` (RFC 8176) says by which methods, and `auth_time` when the last factor was shown:
 *   a page with a `max_age` checks it.
 * - `host`: equals the host that the request asks for.
 * - `path`: covers the request's path. The path is the one by which the origin picks the page, decoded, with its dot
 *   segments resolved. A `path` that ends in `/` covers every path that begins with it, and the path that lacks only this
 *   slash: `/admin/` covers `/admin` and `/admin/x`, and not `/administrator`. A `path` that ends in `$` covers the one
 *   path before the `$`: `/feed$` covers `/feed`. No other form occurs. `/` covers every path: it is that of a rule for
 *   `/*`, and where no rule matched, so that the policy asked for the second factor.
 * - `methods`: there only when the rule names methods. The request's method is one of them; `GET` stands for `HEAD`, too.
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
