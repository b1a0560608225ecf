import type { OriginWhoAmIConfig } from "../../config/first-factor-config.ts";
import {
  AmbiguousCredentialsError,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailableError,
} from "../../domain/sign-in/first-factor-source.ts";
import { type CredentialRequestParts, readRequestCredentials } from "./credentials.ts";
import { hasSessionInPath } from "./path-session.ts";
import { fetchIdentity, type WhoAmIRequestWithoutCredential } from "./who-am-i.ts";

/** The parts of a request that identify a visitor of a site with its own login. */
export interface OriginFirstFactorInput extends CredentialRequestParts {
  /** The path of the request for the site, as the client sent it, without the query. */
  readonly path: string;
}

/** Creates the source for the site's own login. It asks the site which account each credential of the request belongs to. */
export function createOriginFirstFactorSource(
  config: OriginWhoAmIConfig,
  input: OriginFirstFactorInput,
  whoAmI: WhoAmIRequestWithoutCredential,
): FirstFactorSource {
  const { credentials, unnamedCookies, evidence, ...summary } = readRequestCredentials(config, input);
  const cookies = evidence.flatMap(([kind, name = "", value = ""]) =>
    kind === "cookies" ? [[name, value] as const] : [],
  );
  const isAmbiguous = summary.isAmbiguous || hasSessionInPath(config, input.path, cookies);
  const identify = async () => {
    if (isAmbiguous) throw new AmbiguousCredentialsError("A credential can be read in more than one way");
    const sent = unnamedCookies === null ? credentials : [...credentials, unnamedCookies];
    const identities = await Promise.all(sent.map((credential) => fetchIdentity(config, whoAmI, credential)));
    if (identities.slice(credentials.length).some((identity) => identity !== null))
      throw new FirstFactorUnavailableError(
        "The origin knows an account by a cookie that ORIGIN_COOKIES does not name",
      );
    return agreeOn(identities.slice(0, credentials.length));
  };
  // One call for each request, however often `identify` is called.
  let identified: Promise<ExternalIdentity | null> | undefined;
  return {
    realm: "origin",
    allowsAnonymous: config.loginPath === null,
    // A site may accept such a credential in one place, such as its WebSocket, and not at the who-am-I.
    hasHeaderOrQueryCredential: summary.hasHeaderOrQueryCredential,
    alwaysIdentify: summary.isRepeated,
    loginPath: config.loginPath,
    evidence: async () => (isAmbiguous || evidence.length === 0 ? null : evidence),
    cookieEvidence: async () => {
      const shown = evidence.filter(([kind]) => kind === "cookies");
      return isAmbiguous || shown.length === 0 ? null : shown;
    },
    mayHandOver: evidence.some(([kind]) => kind !== "cookies"),
    identify: () => {
      identified ??= identify();
      return identified;
    },
    identifyAgain: identify,
  };
}

/**
 * Returns the account that all credentials of a request belong to. The site's pages may prefer another credential than its
 * who-am-I, so a credential of another account, or of none, makes the request ambiguous (INC-24).
 *
 * @returns null when no credential belongs to an account
 * @throws AmbiguousCredentialsError
 */
function agreeOn(identities: readonly (ExternalIdentity | null)[]): ExternalIdentity | null {
  const [first = null] = identities;
  if (identities.every((identity) => identity?.username === first?.username)) return first;
  throw new AmbiguousCredentialsError("The credentials of the request do not name the same account");
}
