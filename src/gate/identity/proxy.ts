import type { ProxyConfig } from "../../config/first-factor.ts";
import { readEmail } from "../../core/email.ts";
import { canonicalUsername } from "../../core/username.ts";
import type { ExternalIdentity, FirstFactorSource } from "../../domain/first-factor-source.ts";

/**
 * What a proxy says of its user.
 *
 * @param trusted the request has shown `PROXY_KEY`; without it a user header is anybody's word
 */
export function proxySource(config: ProxyConfig, headers: Headers, trusted: boolean): FirstFactorSource {
  const identity = trusted ? readIdentity(config, headers) : null;
  return {
    realm: "proxy",
    nobodyPasses: false,
    showsOtherCredential: false,
    mustBeAsked: false,
    loginPath: null,
    evidence: async () => (identity === null ? null : [identity.username]),
    identify: async () => identity,
    identifyAgain: async () => identity,
  };
}

function readIdentity({ userHeader, emailHeader }: ProxyConfig, headers: Headers): ExternalIdentity | null {
  const user = headers.get(userHeader);
  const username = user === null ? null : canonicalUsername(user);
  return username === null ? null : { username, email: readEmail(headers.get(emailHeader)) };
}
