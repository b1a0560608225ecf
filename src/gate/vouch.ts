import { type AssertedIdentity, signAssertion } from "../core/assertion.ts";
import type { Deps } from "../domain/deps.ts";
import type { Vouched } from "./headers.ts";

/** A page and what it loads come with the same signature: most of its minute is left then. */
const reusedForSeconds = 10;

/** The last signature for somebody, as long as the session is remembered that named him. */
const signed = new WeakMap<
  AssertedIdentity,
  { readonly issuer: string; readonly audience: string; readonly at: Date; readonly vouched: Vouched }
>();

/**
 * Signs for somebody who has passed, or hands out again what was signed for the same a few seconds ago. Null for nobody.
 *
 * @param publicOrigin the scheme and host that the visitor sees: the issuer is the Worker's base there
 */
export async function vouchFor(
  { config }: Deps,
  identity: AssertedIdentity | null,
  publicOrigin: string,
  now: Date,
): Promise<Vouched | null> {
  if (identity === null) return null;
  const { keyring, basePath, originUrl } = config;
  const audience = originUrl === null || originUrl === "route" ? publicOrigin : originUrl;
  const issuer = publicOrigin + basePath;
  const earlier = signed.get(identity);
  if (earlier?.issuer === issuer && earlier.audience === audience && isYoung(earlier.at, now))
    return earlier.vouched;
  const assertion = await signAssertion(keyring, { issuer, audience, identity, now });
  const vouched = { identity, assertion };
  signed.set(identity, { issuer, audience, at: now, vouched });
  return vouched;
}

function isYoung(at: Date, now: Date): boolean {
  const age = now.getTime() - at.getTime();
  return age >= 0 && age < reusedForSeconds * 1000;
}
