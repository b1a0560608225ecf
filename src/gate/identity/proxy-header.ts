import type { ProxyConfig } from "../../config/first-factor-config.ts";
import { parseEmail } from "../../core/parsing/email.ts";
import { parseSubject } from "../../core/parsing/external-subject.ts";
import type { ExternalIdentity, FirstFactorSource } from "../../domain/sign-in/first-factor-source.ts";

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

/** A header that can be no subject is no identity: bytes that are not UTF-8, such as a Latin-1 name, among others (INC-36). */
function readIdentity(config: ProxyConfig, headers: Headers): ExternalIdentity | null {
  const username = parseSubject(headers.get(config.userHeader), config.names);
  return username === null ? null : { username, email: parseEmail(headers.get(config.emailHeader)) };
}
