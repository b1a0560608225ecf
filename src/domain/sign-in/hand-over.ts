import type { Keyring } from "../../core/crypto/keyring.ts";
import {
  type HandedOverFirstFactor,
  type HandOverToken,
  signHandOverToken,
} from "../../core/tokens/hand-over-token.ts";
import { createSessionBinding, matchesSessionBinding } from "../../core/tokens/session-binding.ts";
import type { Deps } from "../deps.ts";
import type { ExternalIdentity, FirstFactorSource } from "./first-factor-source.ts";

/**
 * Returns a token with the first factor of a script's request, for Sallyport's pages in the same browser: a page load doesn't send a
 * token that the site's scripts keep in the browser's storage. Asks the source, as the gate does. Stores nothing (INC-30).
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
  return signHandOverToken(keyring, handedOver, now);
}

/**
 * Returns the source for a request to one of Sallyport's pages from a browser with a hand-over cookie. It names the account that was
 * handed over. Sessions are bound to the credentials of the request to `POST /hand-over` (INC-23), so the gate accepts them only
 * together with these credentials.
 *
 * The request must have the same credential cookies as the request to `POST /hand-over`, and these must still name the same account.
 * Otherwise the hand-over is ignored, and the request's own first factor counts. Do not call this for a request that can reach the
 * site (INC-40).
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

/** False when the request's own credentials name another account, or none although the hand-over had cookies: the visitor has signed out. */
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
