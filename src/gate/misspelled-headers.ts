import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";
import { type ClearedHeadersConfig, createClearedHeaderTest, isPlainHeaderName } from "./cleared-headers.ts";

/**
 * Finds a header in a forward-auth request that servers may read as a cleared header and that has another separator
 * than `-`: `Remote_User`, `X.Forwarded~User` (INC-26, INC-35). The caller rejects the request.
 *
 * A proxy forwards the same headers to the site. Some proxies can remove a header only by its exact name, and their
 * configuration can't list every spelling. Proxies write their own headers with `-`, so every other spelling is the client's.
 * A plain name (letters, digits, `-`) is never returned: the proxy may have set it, and no two plain names become one
 * variable (RFC 3875 4.1.18). Other headers are left to the proxy: Traefik sends its request before it removes them.
 *
 * @returns the header's name in lower case, or null
 */
export function findMisspelledHeader(headers: Headers, config: ClearedHeadersConfig): string | null {
  const isCleared = createClearedHeaderTest(config);
  for (const name of headers.keys())
    if (!isPlainHeaderName(name) && (isCleared(name) || framingNames.includes(foldNameToUnderscores(name))))
      return name;
  return null;
}

/** A server that reads these in another spelling ends the body elsewhere and reads the rest as the next request (request smuggling). */
const framingNames: readonly string[] = ["content_length", "transfer_encoding"];
