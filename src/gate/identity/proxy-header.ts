import type { ProxyHeaderConfig } from "../../config/first-factor-config.ts";
import { parseExternalEmail } from "../../core/parsing/email.ts";
import { parseExternalSubject } from "../../core/parsing/external-subject.ts";
import type { ExternalIdentity, FirstFactorSource } from "../../domain/sign-in/first-factor-source.ts";

/**
 * Creates the source for a proxy that names the user in a header.
 *
 * @param trusted the request has the right `PROXY_KEY`. Without it the header is ignored, because any client can send it.
 */
export function createProxyFirstFactorSource(
  config: ProxyHeaderConfig,
  headers: Headers,
  trusted: boolean,
): FirstFactorSource {
  const identity = trusted ? readIdentity(config, headers) : null;
  return {
    realm: "proxy",
    allowsAnonymous: false,
    hasHeaderOrQueryCredential: false,
    alwaysIdentify: false,
    loginPath: null,
    evidence: async () => (identity === null ? null : [identity.username]),
    cookieEvidence: async () => null,
    // The proxy names the user of every page load.
    mayHandOver: false,
    identify: async () => identity,
    identifyAgain: async () => identity,
  };
}

/** Null when the user header is no valid subject, such as a name in Latin-1 (INC-36). */
function readIdentity(config: ProxyHeaderConfig, headers: Headers): ExternalIdentity | null {
  const username = parseExternalSubject(headers.get(config.userHeader), config.names);
  return username === null ? null : { username, email: parseExternalEmail(headers.get(config.emailHeader)) };
}
