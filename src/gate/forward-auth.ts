import type { Passage, Refusal } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import { judgePassenger, type Passenger } from "./judge.ts";
import { vouchFor } from "./vouch.ts";

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
 */
export function readOriginalRequest(headers: Headers): OriginalRequest | null {
  const forwarded = { method: headers.get("X-Forwarded-Method"), uri: headers.get("X-Forwarded-Uri") };
  const original = { method: headers.get("X-Original-Method"), uri: headers.get("X-Original-URL") };
  const { method, uri: address } = forwarded.uri === null ? original : forwarded;
  if (method === null || address === null || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) return null;
  const uri = address.replace(/^https?:\/\/[^/?#\\]+(?=\/)/i, "");
  return uri.startsWith("/") ? { method: method.toUpperCase(), path: uri.split("?", 1)[0] ?? "", uri } : null;
}

export type ForwardAuthOutcome =
  | { readonly kind: "passed"; readonly passage: Passage; readonly headers: Headers }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unreadable_path" };

/** Judges the request that a proxy asks about, as the gate would. */
export async function judgeForwardAuth(
  deps: Deps,
  original: OriginalRequest,
  passenger: Omit<Passenger, "method" | "path">,
  publicOrigin: string,
): Promise<ForwardAuthOutcome> {
  const judged = await judgePassenger(deps, { ...passenger, method: original.method, path: original.path });
  if (judged === null) return { kind: "unreadable_path" };
  const { judgement } = judged;
  if (!judgement.allowed) return { kind: "refused", refusal: judgement };
  const vouched = await vouchFor(deps, judgement.identity, publicOrigin, passenger.now);
  // Always all of them: a proxy that copies a header which is not there may leave the client's own in its place.
  const headers = new Headers({
    "Remote-User": vouched?.identity.username ?? "",
    "Remote-Email": vouched?.identity.email ?? "",
    "X-Sallyport-Assertion": vouched?.assertion ?? "",
  });
  return { kind: "passed", passage: judgement, headers };
}
