import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { canonicalUsername } from "../../core/username.ts";
import {
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "../../domain/first-factor-source.ts";
import type { JwtConfig } from "../../first-factor-config.ts";
import { cookieValues } from "../headers.ts";

/** Keys are kept this long, asked for again at an unknown key id, and never more often than every half minute. */
const keyCache = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 };

const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/** The provider's keys, fetched once an isolate. */
function findKeySet(url: string) {
  const keys = keySets.get(url) ?? createRemoteJWKSet(new URL(url), keyCache);
  keySets.set(url, keys);
  return keys;
}

/** A JWT of an identity provider, verified with the provider's keys. */
export function jwtSource(config: JwtConfig, headers: Headers, now: Date): FirstFactorSource {
  let verified: Promise<ExternalIdentity | null> | undefined;
  const identify = () => {
    verified ??= verify(config, readToken(config, headers), now);
    return verified;
  };
  return {
    realm: "jwt",
    showsOwnLogin: false,
    // The person and not the token: providers hand out a new one every few minutes.
    evidence: async () => {
      const identity = await identify();
      return identity === null ? null : [config.issuer, identity.username];
    },
    identify,
  };
}

function readToken({ carrier }: JwtConfig, headers: Headers): string | null {
  if (carrier.kind === "cookie") return cookieValues(headers.get("Cookie") ?? "", carrier.name)[0] ?? null;
  return headers.get(carrier.name)?.replace(/^Bearer +/i, "") ?? null;
}

/** STANDARDS SE-15: only the configured algorithms, issuer and audience; keys of the configured place only. */
async function verify(config: JwtConfig, token: string | null, now: Date): Promise<ExternalIdentity | null> {
  if (token === null || token === "") return null;
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
  const user = payload[config.userClaim];
  const username = typeof user === "string" ? canonicalUsername(user) : null;
  const email = payload[config.emailClaim];
  return username === null
    ? null
    : { username, email: typeof email === "string" && email !== "" ? email : null };
}
