import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from "jose";
import type { JwtConfig } from "../../config/first-factor-config.ts";
import { readNamedCookies } from "../../core/parsing/cookie-header.ts";
import { parseEmail } from "../../core/parsing/email.ts";
import { parseSubject } from "../../core/parsing/external-subject.ts";
import type { NamedValues } from "../../core/parsing/named-values.ts";
import {
  AmbiguousCredentials,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "../../domain/sign-in/first-factor-source.ts";
import { findShownHeaders } from "./credentials.ts";

/** Keys are kept this long, asked for again at an unknown key id, and never more often than every half minute. */
const keyCache = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 };

/** A provider that has failed is not asked by every visitor: as often as they are told to try again. */
const failurePauseMilliseconds = 5_000;

const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/** The provider's keys, fetched once an isolate. */
function findKeySet(url: string) {
  const keys =
    keySets.get(url) ?? createRemoteJWKSet(new URL(url), { ...keyCache, [customFetch]: patientFetch() });
  keySets.set(url, keys);
  return keys;
}

/** Only jose's own pauses are after success; keys that it has keep counting while this one waits. */
function patientFetch() {
  let failedAt = Number.NEGATIVE_INFINITY;
  return async (url: string, options: RequestInit): Promise<Response> => {
    if (Date.now() < failedAt + failurePauseMilliseconds) throw new Error("It has failed a moment ago");
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

/** A JWT of an identity provider, verified with the provider's keys. */
export function jwtSource(config: JwtConfig, headers: Headers, now: Date): FirstFactorSource {
  const { values, isAmbiguous } = findTokens(config, headers);
  const verifyAt = async (time: Date) => {
    // The site may read another of the tokens than the one that is verified here (INC-24).
    if (isAmbiguous) throw new AmbiguousCredentials("There is more than one token");
    return verify(config, values[0]?.value.replace(/^Bearer +/i, "") ?? "", time);
  };
  let verified: Promise<ExternalIdentity | null> | undefined;
  const identify = () => {
    verified ??= verifyAt(now);
    return verified;
  };
  return {
    realm: "jwt",
    nobodyPasses: false,
    showsOtherCredential: false,
    mustBeAsked: false,
    loginPath: null,
    // The account and not the token: providers hand out a new token every few minutes.
    evidence: async () => {
      const identity = isAmbiguous ? null : await identify();
      return identity === null ? null : [config.issuer, identity.username];
    },
    identify,
    // A provider can't be asked about a token. But a token ends, and a key may have been withdrawn.
    identifyAgain: verifyAt,
  };
}

const findTokens = ({ carrier }: JwtConfig, headers: Headers): NamedValues =>
  carrier.kind === "cookie"
    ? readNamedCookies(headers.get("Cookie") ?? "", [carrier.name])
    : findShownHeaders(headers, carrier.name);

/** SE-15: only the configured algorithms, issuer and audience; keys of the configured place only. */
async function verify(config: JwtConfig, token: string, now: Date): Promise<ExternalIdentity | null> {
  if (token === "") return null;
  try {
    const { payload } = await jwtVerify(token, findKeySet(config.jwksUrl), {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      requiredClaims: ["exp", config.userClaim],
      currentDate: now,
    });
    return toIdentity(config, payload, now);
  } catch (error) {
    if (isRefusal(error)) return null;
    throw new FirstFactorUnavailable("The keys of the identity provider can't be had", { cause: error });
  }
}

/** What is wrong with the token, as opposed to what is wrong with the keys. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

function toIdentity(config: JwtConfig, payload: JWTPayload, now: Date): ExternalIdentity | null {
  // jose looks at `iat` only with a maximum age. A token of the future is no token.
  if (payload.iat !== undefined && payload.iat * 1000 > now.getTime() + 60_000) return null;
  if (config.userClaim === "email" && !isVerifiedEmail(config, payload)) return null;
  const user = payload[config.userClaim];
  const username = typeof user === "string" ? parseSubject(user, config.names) : null;
  return username === null ? null : { username, email: readEmailClaim(config, payload) };
}

/**
 * May the `email` claim say which account this is? At many providers an account can have any address until that is
 * verified, and so the address of another account (OpenID Connect Core 5.1, 5.7).
 */
const isVerifiedEmail = ({ emailVerified }: JwtConfig, payload: JWTPayload): boolean =>
  payload.email_verified === true || (emailVerified === "always" && !isUnverified(payload));

/** Anything but nothing, true and `"true"` (some providers write it so) means that the address is not verified. */
const isUnverified = ({ email_verified: said }: JWTPayload): boolean =>
  said !== undefined && said !== true && said !== "true";

/** The address for `Remote-Email`: no `email` of which the token says that it is not verified. */
const readEmailClaim = ({ emailClaim }: JwtConfig, payload: JWTPayload): string | null =>
  emailClaim === "email" && isUnverified(payload) ? null : parseEmail(payload[emailClaim]);
