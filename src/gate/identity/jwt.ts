import type { JWTPayload } from "jose";
import type { JwtConfig } from "../../config/first-factor-config.ts";
import { findCookiesReadableAs } from "../../core/parsing/cookie-header.ts";
import { parseExternalEmail } from "../../core/parsing/email.ts";
import { parseExternalSubject } from "../../core/parsing/external-subject.ts";
import type { NamedValuesWithAmbiguity } from "../../core/parsing/named-values.ts";
import type { LogFunction } from "../../domain/deps.ts";
import {
  AmbiguousCredentialsError,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailableError,
} from "../../domain/sign-in/first-factor-source.ts";
import { findHeadersReadableAs } from "./credentials.ts";
import { isTokenError, verifyWithProviderKeys } from "./provider-keys.ts";

/** The accepted difference between a provider's clock and the platform's, for each of `iat`, `nbf` and `exp`. */
const clockToleranceSeconds = 60;

/** Creates the source for a JWT of an identity provider, which is verified with the provider's keys. */
export function createJwtFirstFactorSource(
  config: JwtConfig,
  headers: Headers,
  now: Date,
  log: LogFunction,
): FirstFactorSource {
  const { values, isAmbiguous } = findTokens(config, headers);
  const verifyAt = async (time: Date) => {
    // The site may read another of the tokens than the one that is verified here (INC-24).
    if (isAmbiguous) throw new AmbiguousCredentialsError("There is more than one token");
    return verify(config, values[0]?.value.replace(/^Bearer +/i, "") ?? "", time, log);
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
    // A session is bound to the account, not to a cookie. Page loads send a token in a cookie themselves, so it needs no hand-over.
    cookieEvidence: async () => null,
    mayHandOver: config.carrier.kind === "header",
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
 * @throws FirstFactorUnavailableError when the keys can't be fetched or used
 */
async function verify(
  config: JwtConfig,
  token: string,
  now: Date,
  log: LogFunction,
): Promise<ExternalIdentity | null> {
  if (token === "") return null;
  try {
    const options = {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      requiredClaims: ["exp", config.userClaim],
      clockTolerance: clockToleranceSeconds,
      currentDate: now,
    };
    return toIdentity(config, await verifyWithProviderKeys(config, token, options, log), now);
  } catch (error) {
    if (isTokenError(error)) return null;
    // Only the message of the root cause is logged, so this message includes that of `error`.
    throw new FirstFactorUnavailableError(`The keys of ${config.issuer} can't be used: ${error}`);
  }
}

function toIdentity(config: JwtConfig, payload: JWTPayload, now: Date): ExternalIdentity | null {
  // jose checks `iat` only together with a maximum age. A token that is issued in the future is invalid.
  if (payload.iat !== undefined && payload.iat * 1000 > now.getTime() + clockToleranceSeconds * 1000)
    return null;
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
