import type { OriginWhoAmIConfig } from "../../config/first-factor-config.ts";
import { foldNameToUnderscores, listPossibleFoldedNames } from "../../core/parsing/folded-name.ts";
import { findPathVariants } from "../../core/policy/path-variants.ts";

/** Jakarta Servlet 6.0, 7.1.3. Containers with another configured name use it for their cookie too. */
const servletParameter = "jsessionid";

/** A path without any of these has no path parameter and no ASP.NET session in any variant. */
const pathSessionCharacter = /[;(%\u0080-\uffff]/;

/** A segment such as `(S(lit3py55t21z5v55vlm25s55))`, in which ASP.NET keeps sessions and tickets without cookies. */
const aspNetSegment = /^\((?:[a-z]\([^()]*\))+\)$/i;

/**
 * True when a server may read a session from the path (INC-24). Requests to the who-am-I do not have the path, so the request
 * could be allowed as anonymous and then be served with the account of the session. All variants of the path are searched for:
 *
 * - a path parameter (`;jsessionid=…`) with the name of a servlet's session or of a configured credential. It is ignored when
 *   it repeats the value of the session cookie: servlet containers add it to the links of a visitor's first page.
 * - a segment of ASP.NET: `/(S(…))/`
 *
 * @param path as the client sent it, without the query
 * @param cookies name and value of the request's session cookies
 */
export function hasSessionInPath(
  config: Pick<OriginWhoAmIConfig, "cookies" | "credentials">,
  path: string,
  cookies: readonly (readonly [name: string, value: string])[],
): boolean {
  if (!pathSessionCharacter.test(path)) return false;
  const variants = findPathVariants(path);
  if (variants === null) return true;
  const credentials = config.credentials.map(({ name }) => name);
  const carriers = new Set([servletParameter, ...config.cookies, ...credentials].map(foldNameToUnderscores));
  const isSentToWhoAmI = (folded: string, value: string) =>
    cookies.some(([name, found]) => foldNameToUnderscores(name) === folded && found === value);
  for (const variant of variants) {
    if (variant.split("/").some((segment) => aspNetSegment.test(segment))) return true;
    for (const { name, value } of findPathParameters(variant))
      if (
        listPossibleFoldedNames(name).some((folded) => carriers.has(folded) && !isSentToWhoAmI(folded, value))
      )
        return true;
  }
  return false;
}

function findPathParameters(path: string) {
  const [, ...pieces] = path.split(";");
  return pieces.map((piece) => {
    const [parameter = ""] = piece.split("/", 1);
    const [name = ""] = parameter.split("=", 1);
    return { name, value: parameter.slice(name.length + 1) };
  });
}
