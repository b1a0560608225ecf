import type { Passage, Refusal } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import type { Vouched } from "./headers.ts";
import { distrustAfterChange, judgePassenger, type Passenger } from "./judge.ts";
import type { AskedRequest } from "./request-meanings.ts";
import { vouchFor } from "./vouch.ts";

/** The request that a proxy asks about. */
export interface OriginalRequest {
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** Path and query, to come back to. */
  readonly uri: string;
}

/** The one who asks, without the request that is asked about. */
export type ProxiedVisitor = Omit<Passenger, keyof AskedRequest>;

/**
 * Reads which request a proxy asks about: `X-Forwarded-Method` and `-Uri` (Caddy, Traefik), or `X-Original-Method`
 * and `-URL`, as a path or a whole URL. Null: it does not say, or not readably, and so nobody passes (INC-01).
 *
 * A proxy sets one pair, and a client may have sent the other. Nobody knows which is which, so two that contradict
 * each other are not readable, either (INC-04).
 */
export function readOriginalRequest(headers: Headers): OriginalRequest | null {
  const forwarded = readPair(headers, "X-Forwarded-Method", "X-Forwarded-Uri");
  const original = readPair(headers, "X-Original-Method", "X-Original-URL");
  if (!agree(forwarded.method, original.method) || !agree(forwarded.uri, original.uri)) return null;
  const { method, uri } = forwarded.uri === null ? original : forwarded;
  if (method === null || uri === null || !isToken(method)) return null;
  // No request has a blank in its address. A header that is there twice has one, behind its comma.
  return /^\/[^ \t]*$/.test(uri) ? { method, path: uri.split("?", 1)[0] ?? "", uri } : null;
}

/** An empty header is none: some proxies can't take a client's header away otherwise. */
function readPair(headers: Headers, methodName: string, uriName: string) {
  const method = headers.get(methodName) ?? "";
  const uri = headers.get(uriName)?.replace(/^https?:\/\/[^/?#\\]+(?=\/)/i, "");
  return { method: (isToken(method) ? method.toUpperCase() : method) || null, uri: uri || null };
}

const isToken = (text: string) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);

const agree = (a: string | null, b: string | null) => a === null || b === null || a === b;

export type ForwardAuthOutcome =
  | { readonly kind: "passed"; readonly passage: Passage; readonly vouched: Vouched | null }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unreadable" };

/**
 * Judges the request that a proxy asks about, as the gate would.
 *
 * @param headers of the question: those of the visitor's request, as far as the proxy hands them on. An override header
 *   among them reaches the origin too, for all that is known here.
 */
export async function judgeForwardAuth(
  deps: Deps,
  original: OriginalRequest,
  visitor: ProxiedVisitor,
  headers: Headers,
  publicOrigin: string,
): Promise<ForwardAuthOutcome> {
  const { method, path, uri } = original;
  const asked: AskedRequest = {
    method,
    path,
    query: uri.slice(path.length),
    headers,
    overridesForwarded: true,
    hosts: hostsOf(headers, publicOrigin),
  };
  const judged = await judgePassenger(deps, { ...visitor, ...asked });
  if (typeof judged === "string") return { kind: "unreadable" };
  const { judgement, changes } = judged;
  if (!judgement.allowed) return { kind: "refused", refusal: judgement };
  const vouched = await vouchFor(deps, judgement.identity, publicOrigin, visitor.now);
  const passage = await distrustAfterChange(deps, visitor, changes, judgement);
  return { kind: "passed", passage, vouched };
}

/**
 * The names of the site: a proxy may ask under the Worker's own name and say the site's in `X-Forwarded-Host`. A client that
 * invents one gains nothing: the path of a `Destination` is judged whatever its host is.
 */
function hostsOf(headers: Headers, publicOrigin: string): readonly string[] {
  const own = publicOrigin.slice(publicOrigin.indexOf("//") + 2);
  const said = headers.get("X-Forwarded-Host");
  return said === null ? [own] : [own, said.toLowerCase()];
}
