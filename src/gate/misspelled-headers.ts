import { foldName } from "../core/parsing/folded-name.ts";
import { isClearedHeader, isPlainName } from "./cleared-headers.ts";

/**
 * Finds a header in a proxy's question that servers may read as a cleared one, and that is spelled with another separator
 * than `-`: `Remote_User`, `X.Forwarded~User` (INC-26, INC-35).
 *
 * A proxy sends the site the headers that it sends with its question. Some proxies can remove a header only by its exact
 * name, and their lists can't name every spelling. Proxies themselves write their headers with `-`, so every other
 * spelling is the client's. Headers that cannot be read as a cleared one are left to the proxy: Traefik asks before it removes
 * them. The function does not look at names with `-` alone: a proxy may have set them itself, and two
 * such names are never one variable (RFC 3875 4.1.18).
 *
 * @returns its name in lower case, or null
 */
export function findMisspelledHeader(headers: Headers): string | null {
  for (const name of headers.keys()) if (!isPlainName(name) && isRefused(name)) return name;
  return null;
}

const isRefused = (name: string) => isClearedHeader(name) || framingNames.includes(foldName(name));

/** A server that reads these in another spelling ends the body elsewhere, and takes its rest for the next request. */
const framingNames: readonly string[] = ["content_length", "transfer_encoding"];
