import { BoundedMap } from "../core/lib/bounded-map.ts";
import { type AssertedIdentity, type AssertedScope, signAssertion } from "../core/tokens/assertion.ts";
import type { Deps } from "../domain/deps.ts";
import type { CachedAssertion } from "../domain/isolate-cache.ts";
import type { SignedIdentity } from "./headers.ts";

/** A page and its subresources get the same assertion. Of its 60 seconds at least 50 are left then. */
const reusedForSeconds = 10;

/** A client chooses the host that it asks for, so the number of assertions that are kept for one identity is bounded. */
const maxScopesPerIdentity = 20;

/**
 * Signs the assertion for a visitor whose request is allowed, or returns the one that was signed in the last
 * {@link reusedForSeconds} seconds for the same identity, issuer, audience, host and rule (INC-28). Null for an anonymous visitor.
 *
 * @param publicOrigin the scheme and host that the visitor sees: the issuer is `BASE_PATH` below it
 * @param scope the host and the rule of the policy for which the request was allowed
 */
export async function signIdentityAssertion(
  { config, cache }: Deps,
  identity: AssertedIdentity | null,
  publicOrigin: string,
  scope: AssertedScope,
  now: Date,
): Promise<SignedIdentity | null> {
  if (identity === null) return null;
  const { keyring, basePath, originUrl } = config;
  const audience = originUrl === null || originUrl === "route" ? publicOrigin : originUrl;
  const issuer = publicOrigin + basePath;
  const signed = cachedAssertionsOf(cache, identity);
  const key = scopeKey(issuer, audience, scope);
  const cached = signed.get(key);
  if (cached !== undefined && isYoung(cached.signedAt, now)) return { identity, assertion: cached.assertion };
  const assertion = await signAssertion(keyring, { issuer, audience, identity, scope, now });
  signed.set(key, { assertion, signedAt: now });
  return { identity, assertion };
}

/** Adds an empty map to the cache when there is none for this identity. */
function cachedAssertionsOf(cache: Deps["cache"], identity: AssertedIdentity) {
  const key = identityKey(identity);
  const cached = cache.assertions.get(key);
  if (cached !== undefined) return cached;
  const added = new BoundedMap<string, CachedAssertion>(maxScopesPerIdentity);
  cache.assertions.set(key, added);
  return added;
}

/** Every claim that the assertion takes from the identity. */
const identityKey = ({ userId, username, email, acr, amr, authenticatedAt }: AssertedIdentity) =>
  JSON.stringify([userId, username, email, acr, amr, authenticatedAt.getTime()]);

/** The key of a scope in the cache of assertions. Only its last part, a path, can contain a space, so two scopes never share a key. */
const scopeKey = (issuer: string, audience: string, { host, pathPrefix, methods }: AssertedScope) =>
  [issuer, audience, host, methods?.join(",") ?? "", pathPrefix].join(" ");

function isYoung(at: Date, now: Date): boolean {
  const age = now.getTime() - at.getTime();
  return age >= 0 && age < reusedForSeconds * 1000;
}
