import type { OriginConfig } from "../../config/first-factor-config.ts";
import {
  AmbiguousCredentials,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "../../domain/sign-in/first-factor-source.ts";
import { readCredentials, type VisitCredentials } from "./credentials.ts";
import { showsPathSession } from "./path-session.ts";
import { askWhoAmI, type WhoAmI } from "./who-am-i.ts";

/** What a request to a site with its own login shows. */
export interface OriginVisit extends VisitCredentials {
  /** The path that was asked for, as the client sent it, without the query. */
  readonly path: string;
}

/** The site's own login: the Worker asks the site which account each credential of the request belongs to. */
export function originSource(config: OriginConfig, visit: OriginVisit, whoAmI: WhoAmI): FirstFactorSource {
  const { questions, unnamedCookies, evidence, ...shown } = readCredentials(config, visit);
  const cookies = evidence.flatMap(([kind, name = "", value = ""]) =>
    kind === "cookies" ? [[name, value] as const] : [],
  );
  const isAmbiguous = shown.isAmbiguous || showsPathSession(config, visit.path, cookies);
  const identify = async () => {
    if (isAmbiguous) throw new AmbiguousCredentials("A credential can be read in more than one way");
    const asked = unnamedCookies === null ? questions : [...questions, unnamedCookies];
    const identities = await Promise.all(asked.map((question) => askWhoAmI(config, whoAmI, question)));
    if (identities.slice(questions.length).some((identity) => identity !== null))
      throw new FirstFactorUnavailable(
        "The origin knows an account by a cookie that ORIGIN_COOKIES does not name",
      );
    return agreeOn(identities.slice(0, questions.length));
  };
  // Asked once for a request, however many of its parts want to know.
  let identified: Promise<ExternalIdentity | null> | undefined;
  return {
    realm: "origin",
    passesAnonymous: config.loginPath === null,
    // A site may take it in one place, such as its WebSocket, and not at the who-am-I.
    hasOtherCredential: shown.hasOtherCredential,
    mustIdentify: shown.isRepeated,
    loginPath: config.loginPath,
    evidence: async () => (isAmbiguous || evidence.length === 0 ? null : evidence),
    identify: () => {
      identified ??= identify();
      return identified;
    },
    identifyAgain: identify,
  };
}

/**
 * The account that every credential of a request names. The site's pages may read another credential first than its
 * who-am-I, so one that names another account, or none, makes the request ambiguous (INC-24).
 *
 * @returns null when no credential names an account
 * @throws AmbiguousCredentials
 */
function agreeOn(identities: readonly (ExternalIdentity | null)[]): ExternalIdentity | null {
  const [first = null] = identities;
  if (identities.every((identity) => identity?.username === first?.username)) return first;
  throw new AmbiguousCredentials("The credentials of the request do not name the same account");
}
