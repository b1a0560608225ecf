import type { Passage, Refusal } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import type { Vouched } from "./headers.ts";
import { distrustAfterChange, judgePassenger, type Passenger } from "./judge.ts";
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
  const passage = await distrustAfterChange(deps, { ...passenger, method: original.method }, judgement);
  return { kind: "passed", passage, vouched };
}
