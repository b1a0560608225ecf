import { statedBodyLength } from "./relayed-body.ts";

/**
 * Makes Cloudflare's cache neither serve nor store the response (WB-14). The runtime sends the same values for
 * `cache: "no-store"`, but with that option it also adds `Cache-Control: no-cache` and `Pragma: no-cache`, which make servers
 * ignore `If-None-Match` ([decision 27](../../docs/decisions/0027-what-passes-is-what-came.md)).
 */
const notCached: RequestInitCfProperties = { cacheTtl: -1, cacheLevel: "bypass" };

/** The parts of a request for the origin. */
export interface OriginRequestInput {
  readonly target: string;
  /** The client's request. */
  readonly request: Request;
  readonly headers: Headers;
  /** The body. For `GET` and `HEAD` the body of `request` is used instead. */
  readonly body: ReadableStream | null;
  readonly signal: AbortSignal;
}

/**
 * The second argument of `fetch` for a request that {@link createOriginRequest} creates: the runtime must not decode the response's body.
 * It ignores this option in a `Request`.
 */
export const undecoded: RequestInit<RequestInitCfProperties> = { encodeResponseBody: "manual" };

/**
 * Creates the request for the origin. Redirects are not followed, and Cloudflare's cache is not used.
 *
 * @throws TypeError when the runtime can't send the client's request
 */
export function createOriginRequest({ target, request, headers, body, signal }: OriginRequestInput): Request {
  const options: RequestInit<RequestInitCfProperties> = {
    headers,
    signal,
    redirect: "manual",
    cf: notCached,
  };
  const { method } = request;
  if (!isWithoutBody(method)) return new Request(target, { ...options, method, body });
  if (request.body === null || request.bodyUsed) return new Request(target, { ...options, method });
  // The runtime accepts a body of GET or HEAD only in a `Request` that is copied from another one.
  return new Request(new Request(target, request), options);
}

/** True for methods for which RFC 9110 defines no meaning of a body (9.3.1, 9.3.2). */
const isWithoutBody = (method: string) => method === "GET" || method === "HEAD";

/**
 * True for a `GET` or `HEAD` whose body the runtime would drop: it sends such a body only with a stated length. Waits for the first bytes,
 * because some clients send an empty body in chunks, which may be dropped.
 */
export async function hasUnsendableBody({ method, body, headers }: Request): Promise<boolean> {
  if (body === null || !isWithoutBody(method) || statedBodyLength(headers) !== null) return false;
  const reader = body.getReader();
  const isEmpty = await reader.read().then(
    ({ done }) => done,
    () => false,
  );
  if (!isEmpty) await reader.cancel().catch(() => {});
  return !isEmpty;
}
