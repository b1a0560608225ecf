import { type AssertedIdentity, signAssertion } from "../core/assertion.ts";
import type { Deps } from "../domain/deps.ts";
import type { Vouched } from "./headers.ts";

/**
 * Signs for somebody who has passed. Null for nobody.
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
  return { identity, assertion: await signAssertion(keyring, { issuer, audience, identity, now }) };
}
