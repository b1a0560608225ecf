import type { Keyring } from "../../core/crypto/keyring.ts";
import {
  type HandedOverFirstFactor,
  handOverTtlSeconds,
  signHandOverToken,
} from "../../core/tokens/hand-over-token.ts";
import { createSessionBinding, matchesSessionBinding } from "../../core/tokens/session-binding.ts";
import type { Deps } from "../deps.ts";
import type { ExternalIdentity, FirstFactorSource } from "./first-factor-source.ts";

/** The token of a hand-over, for a cookie of the browser whose script asked for it. */
export interface HandOverToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Hands the first factor of a request over to Sallyport's pages in the same browser: a page load doesn't send a token that the site's
 * scripts keep in the browser's storage. The source is asked about the request as at the gate. Stores nothing (INC-30).
 *
 * @returns null when the source names no account for the request
 * @throws FirstFactorUnavailableError, AmbiguousCredentialsError
 */
export async function handOverFirstFactor(
  { config: { keyring } }: Deps,
  source: FirstFactorSource,
  now: Date,
): Promise<HandOverToken | null> {
  const identity = await source.identify();
  const evidence = await source.evidence();
  if (identity === null || evidence === null) return null;
  const cookies = await source.cookieEvidence();
  const handedOver: HandedOverFirstFactor = {
    realm: source.realm,
    ...identity,
    binding: await createSessionBinding(keyring, evidence),
    cookieBinding: cookies === null ? null : await createSessionBinding(keyring, cookies),
  };
  return {
    token: await signHandOverToken(keyring, handedOver, now),
    expiresAt: new Date(now.getTime() + handOverTtlSeconds * 1000),
  };
}

/**
 * Returns the source for a request to one of Sallyport's pages from a browser with a hand-over. It names the account that was handed
 * over, and sessions are bound to the credentials of the request that handed over (INC-23), so they open the site only beside these.
 *
 * The hand-over does not count when the request shows other credentials than the cookies of that request, or when they name another
 * account or none now: then the request's own first factor counts. Never for a request that reaches the site (INC-40).
 */
export function withHandedOverFirstFactor(
  keyring: Keyring,
  source: FirstFactorSource,
  handedOver: HandedOverFirstFactor,
): FirstFactorSource {
  let resolved: Promise<{ identity: ExternalIdentity | null; binding: string | null }> | undefined;
  const resolve = async () => {
    const own = await source.identify();
    const applies =
      handedOver.realm === source.realm &&
      isStillSignedIn(handedOver, own) &&
      (await showsSameCookies(keyring, source, handedOver, own));
    return applies
      ? { identity: { username: handedOver.username, email: handedOver.email }, binding: handedOver.binding }
      : { identity: own, binding: null };
  };
  const resolveOnce = () => {
    resolved ??= resolve();
    return resolved;
  };
  return {
    ...source,
    identify: async () => (await resolveOnce()).identity,
    handedOverBinding: async () => (await resolveOnce()).binding,
  };
}

/** False when the cookies of the hand-over named the account, and now name another one or none: the visitor has signed out. */
const isStillSignedIn = ({ username, cookieBinding }: HandedOverFirstFactor, own: ExternalIdentity | null) =>
  own === null ? cookieBinding === null : own.username === username;

async function showsSameCookies(
  keyring: Keyring,
  source: FirstFactorSource,
  { cookieBinding }: HandedOverFirstFactor,
  own: ExternalIdentity | null,
): Promise<boolean> {
  const evidence = await source.evidence();
  if (cookieBinding === null) return evidence === null && own === null;
  return evidence !== null && matchesSessionBinding(keyring, cookieBinding, evidence);
}
