import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from "jose";
import type { JwtConfig } from "../../config/first-factor-config.ts";
import { findCookiesReadableAs } from "../../core/parsing/cookie-header.ts";
import { parseExternalEmail } from "../../core/parsing/email.ts";
import { parseExternalSubject } from "../../core/parsing/external-subject.ts";
import type { NamedValuesWithAmbiguity } from "../../core/parsing/named-values.ts";
import {
  AmbiguousCredentialsError,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailableError,
} from "../../domain/sign-in/first-factor-source.ts";
import { findHeadersReadableAs } from "./credentials.ts";

/** Times of the key cache in milliseconds. jose fetches the keys again after `cacheMaxAge`, and at an unknown key id, but not within `cooldownDuration`. */
const keyCache = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 };

/** After a failed fetch the next one waits this long: the `Retry-After` of the 503. */
const failurePauseMilliseconds = 5_000;

const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/** Returns the provider's key set, which every request of the isolate shares. */
function getKeySet(url: string) {
  const keys =
    keySets.get(url) ??
    createRemoteJWKSet(new URL(url), { ...keyCache, [customFetch]: createPausingFetch() });
  keySets.set(url, keys);
  return keys;
}

/** Creates a `fetch` that pauses after a failure: jose itself pauses only after a success. The keys that jose has stay valid. */
function createPausingFetch() {
  let failedAt = Number.NEGATIVE_INFINITY;
  return async (url: string, options: RequestInit): Promise<Response> => {
    if (Date.now() < failedAt + failurePauseMilliseconds)
      throw new Error("The last fetch of the keys has failed a moment ago");
    try {
      const response = await fetch(url, options);
      if (response.status !== 200) failedAt = Date.now();
      return response;
    } catch (error) {
      failedAt = Date.now();
      throw error;
    }
  };
}

/** Creates the source for a JWT of an identity provider, which is verified with the provider's keys. */
export function createJwtFirstFactorSource(
  config: JwtConfig,
  headers: Headers,
  now: Date,
): FirstFactorSource {
  const { values, isAmbiguous } = findTokens(config, headers);
  const verifyAt = async (time: Date) => {
    // The site may read another of the tokens than the one that is verified here (INC-24).
    if (isAmbiguous) throw new AmbiguousCredentialsError("There is more than one token");
    return verify(config, values[0]?.value.replace(/^Bearer +/i, "") ?? "", time);
  };
  let verified: Promise<ExternalIdentity | null> | undefined;
  const identify = () => {
    verified ??= verifyAt(now);
    return verified;
  };
  return {
    realm: "jwt",
    allowsAnonymous: false,
    hasHeaderOrQueryCredential: false,
    alwaysIdentify: false,
    loginPath: null,
    // The account and not the token: providers issue a new token every few minutes.
    evidence: async () => {
      const identity = isAmbiguous ? null : await identify();
      return identity === null ? null : [config.issuer, identity.username];
    },
    identify,
    // Verified again at the new time: the token may have expired, and its key may have been withdrawn.
    identifyAgain: verifyAt,
  };
}

const findTokens = ({ carrier }: JwtConfig, headers: Headers): NamedValuesWithAmbiguity =>
  carrier.kind === "cookie"
    ? findCookiesReadableAs(headers.get("Cookie") ?? "", [carrier.name])
    : findHeadersReadableAs(headers, carrier.name);

/**
 * Returns null for an invalid token. Only the configured algorithms, issuer and audience are accepted, and only keys from
 * `JWT_JWKS_URL` (SE-15).
 *
 * @throws FirstFactorUnavailableError when the keys can't be fetched
 */
async function verify(config: JwtConfig, token: string, now: Date): Promise<ExternalIdentity | null> {
  if (token === "") return null;
  try {
    const { payload } = await jwtVerify(token, getKeySet(config.jwksUrl), {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      requiredClaims: ["exp", config.userClaim],
      currentDate: now,
    });
    return toIdentity(config, payload, now);
  } catch (error) {
    if (isInvalidToken(error)) return null;
    throw new FirstFactorUnavailableError("The keys of the identity provider can't be fetched", {
      cause: error,
    });
  }
}

/** True for an error in the token, false for an error in the provider's keys. */
function isInvalidToken(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

function toIdentity(config: JwtConfig, payload: JWTPayload, now: Date): ExternalIdentity | null {
  // jose checks `iat` only together with a maximum age. A token that is issued in the future is invalid.
  if (payload.iat !== undefined && payload.iat * 1000 > now.getTime() + 60_000) return null;
  if (config.userClaim === "email" && !isVerifiedEmail(config, payload)) return null;
  const user = payload[config.userClaim];
  const username = typeof user === "string" ? parseExternalSubject(user, config.names) : null;
  return username === null ? null : { username, email: readEmailClaim(config, payload) };
}

/**
 * True when the `email` claim may identify the account. At many providers an account can have any address until it is
 * verified, and so the address of another account (OpenID Connect Core 5.1, 5.7).
 */
const isVerifiedEmail = ({ emailVerified }: JwtConfig, payload: JWTPayload): boolean =>
  payload.email_verified === true || (emailVerified === "always" && !isUnverified(payload));

/** False when the claim is absent, `true`, or `"true"` as some providers write it. */
const isUnverified = ({ email_verified: verified }: JWTPayload): boolean =>
  verified !== undefined && verified !== true && verified !== "true";

/** Reads the address for `Remote-Email`. Null for an `email` that the token marks as not verified. */
const readEmailClaim = ({ emailClaim }: JwtConfig, payload: JWTPayload): string | null =>
  emailClaim === "email" && isUnverified(payload) ? null : parseExternalEmail(payload[emailClaim]);
