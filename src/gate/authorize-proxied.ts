import { isUndecodable } from "../core/parsing/undecodable.ts";
import type { AccessDenied, AccessGranted } from "../domain/access/access.ts";
import type { Deps } from "../domain/deps.ts";
import { authorizeRequest, expireTokenAfterChange, type Unjudged, type Visitor } from "./authorize.ts";
import { isForeignHandshake } from "./handshake.ts";
import type { SignedIdentity } from "./headers.ts";
import { isServedMethod } from "./request-meanings.ts";
import { signIdentityAssertion } from "./sign-assertion.ts";

/** The request that a proxy asks about. */
export interface OriginalRequest {
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** Path and query, to come back to. */
  readonly uri: string;
}

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
  if (method === null || uri === null || !isServedMethod(method)) return null;
  // A proxy hands bytes that are not UTF-8 on as they came (INC-36).
  if (isUndecodable(uri)) return null;
  // No request has a blank in its address. A header that is there twice has one, behind its comma.
  return /^\/[^ \t]*$/.test(uri) ? { method, path: uri.split("?", 1)[0] ?? "", uri } : null;
}

/** An empty header is none: some proxies can't take a client's header away otherwise. */
function readPair(headers: Headers, methodName: string, uriName: string) {
  const method = headers.get(methodName) || null;
  const uri = headers.get(uriName)?.replace(/^https?:\/\/[^/?#\\]+(?=\/)/i, "");
  return { method, uri: uri || null };
}

const agree = (a: string | null, b: string | null) => a === null || b === null || a === b;

export type ForwardAuthResult =
  | { readonly kind: "passed"; readonly passage: AccessGranted; readonly vouched: SignedIdentity | null }
  | { readonly kind: "refused"; readonly refusal: AccessDenied }
  /** Also of a question whose host is not readable. A path of Sallyport's must not be passed to the site (INC-34). */
  | Unjudged
  /** Another site opens a WebSocket with the visitor's session (WB-12). */
  | { readonly kind: "cross_origin" };

/** A proxy's question. */
export interface ForwardAuthInput extends Visitor {
  readonly original: OriginalRequest;
  /** Of the question, as the proxy sends it. */
  readonly headers: Headers;
  /** The scheme and host under which the Worker was asked. */
  readonly publicOrigin: string;
  /** The question has shown `PROXY_KEY`. */
  readonly trusted: boolean;
}

/**
 * Judges the request that a proxy asks about, as the gate would. The question has the headers of the visitor's request, as
 * far as the proxy sends them. Whether the site gets a method override among them is not known, so it counts (INC-31).
 */
export async function authorizeForwardAuth(
  deps: Deps,
  question: ForwardAuthInput,
): Promise<ForwardAuthResult> {
  const { original, headers, publicOrigin, trusted, ...visitor } = question;
  const named = readForwardedHost(headers, publicOrigin);
  if (trusted && named === "unreadable") return { kind: "unreadable", part: "host" };
  const askedHost = hostOf(publicOrigin);
  const namedHost = typeof named === "string" ? null : named.host;
  const judged = await authorizeRequest(deps, {
    ...visitor,
    method: original.method,
    path: original.path,
    query: original.uri.slice(original.path.length),
    headers,
    overridesForwarded: true,
    // A client that invents one gains nothing: the path of a `Destination` is judged whatever its host is.
    hosts: namedHost === null ? [askedHost] : [askedHost, namedHost],
  });
  if (judged.kind !== "judged") return judged;
  const { decision, judgement, mayChange } = judged;
  if (!judgement.allowed) return { kind: "refused", refusal: judgement };
  // The page of another site can't choose this header in the visitor's browser, so a proxy without the key is believed here.
  if (judgement.identity !== null && isForeignHandshake(headers, namedHost ?? askedHost))
    return { kind: "cross_origin" };
  // The visitor can, so an assertion names the host only by the word of a proxy with the key.
  const host = (trusted ? namedHost : null) ?? askedHost;
  const vouched = await signIdentityAssertion(
    deps,
    judgement.identity,
    publicOrigin,
    { ...decision, host },
    visitor.now,
  );
  const passage = await expireTokenAfterChange(deps, visitor, mayChange, judgement);
  return { kind: "passed", passage, vouched };
}

/** The host that the visitor asked for, as the proxy says it. */
function readForwardedHost(
  headers: Headers,
  publicOrigin: string,
): { readonly host: string | null } | "unreadable" {
  const text = headers.get("X-Forwarded-Host") || null;
  if (text === null) return { host: null };
  const scheme = publicOrigin.startsWith("https:") ? "https" : "http";
  const url = /^[\w.:[\]-]+$/.test(text) ? URL.parse(`${scheme}://${text}`) : null;
  return url === null ? "unreadable" : { host: url.host };
}

const hostOf = (origin: string) => origin.slice(origin.indexOf("//") + 2);
