import { BoundedMap } from "../core/lib/bounded-map.ts";
import { lazyPer } from "../core/lib/lazy.ts";
import { type AssertedIdentity, type AssertedScope, signAssertion } from "../core/tokens/assertion.ts";
import type { Deps } from "../domain/deps.ts";
import type { SignedIdentity } from "./headers.ts";

/** A page and what it loads come with the same signature: most of its minute is left then. */
const reusedForSeconds = 10;

/** A client chooses the host that it asks for, so what is kept for one session is bounded. */
const mostPerSession = 20;

/**
 * The signatures of the last seconds, for as long as the session is remembered that named the visitor. An identity has one
 * level: a session that changes its level becomes another one (SE-03).
 */
const signedFor = lazyPer(
  (_: AssertedIdentity) =>
    new BoundedMap<string, { readonly at: Date; readonly vouched: SignedIdentity }>(mostPerSession),
);

/**
 * Signs for a visitor who has passed, or hands out again what was signed a few seconds ago for the same session, host and
 * rule (INC-28). Null for an anonymous visitor.
 *
 * @param publicOrigin the scheme and host under which the Worker was asked: the issuer is the Worker's base there
 * @param scope what the request was judged for
 */
export async function signIdentityAssertion(
  { config }: Deps,
  identity: AssertedIdentity | null,
  publicOrigin: string,
  scope: AssertedScope,
  now: Date,
): Promise<SignedIdentity | null> {
  if (identity === null) return null;
  const { keyring, basePath, originUrl } = config;
  const audience = originUrl === null || originUrl === "route" ? publicOrigin : originUrl;
  const issuer = publicOrigin + basePath;
  const signed = signedFor(identity);
  const key = scopeKey(issuer, audience, scope);
  const earlier = signed.get(key);
  if (earlier !== undefined && isYoung(earlier.at, now)) return earlier.vouched;
  const assertion = await signAssertion(keyring, { issuer, audience, identity, scope, now });
  const vouched = { identity, assertion };
  signed.set(key, { at: now, vouched });
  return vouched;
}

/** No part but the last, a path, has a blank in it: two scopes never share a key. */
const scopeKey = (issuer: string, audience: string, { host, pathPrefix, methods }: AssertedScope) =>
  [issuer, audience, host, methods?.join(",") ?? "", pathPrefix].join(" ");

function isYoung(at: Date, now: Date): boolean {
  const age = now.getTime() - at.getTime();
  return age >= 0 && age < reusedForSeconds * 1000;
}
