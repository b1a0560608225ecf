import { statedBodyLength } from "./relayed-body.ts";

/**
 * Tells Cloudflare's cache neither to look a response up nor to store it (WB-14). The runtime sends the same for
 * `cache: "no-store"`, but with that option it also adds `Cache-Control: no-cache` and `Pragma: no-cache`, which make servers
 * ignore `If-None-Match` ([decision 27](../../docs/decisions/0027-what-passes-is-what-came.md)).
 */
const notCached: RequestInitCfProperties = { cacheTtl: -1, cacheLevel: "bypass" };

/** The parts of a request for the origin. */
export interface OriginRequestInput {
  readonly target: string;
  /** The request as the client has sent it. */
  readonly request: Request;
  readonly headers: Headers;
  /** The body. Ignored for `GET` and `HEAD`, whose body is the one of `request`. */
  readonly body: ReadableStream | null;
  readonly signal: AbortSignal;
}

/**
 * Options of `fetch` for the request that {@link createOriginRequest} creates: the response's body is not decoded. The runtime
 * ignores this option of a `Request`.
 */
export const undecoded: RequestInit<RequestInitCfProperties> = { encodeResponseBody: "manual" };

/**
 * Creates the request for the origin. The origin's response is not followed, and no cache keeps it.
 *
 * @throws TypeError when the runtime can't send what the client has sent
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
  // The runtime accepts such a body only in a request that is made from another one.
  return new Request(new Request(target, request), options);
}

/** True for methods for which RFC 9110 defines no meaning of a body (9.3.1, 9.3.2). */
const isWithoutBody = (method: string) => method === "GET" || method === "HEAD";

/**
 * True when the request has a body that the runtime drops: of `GET` and `HEAD` it sends a body of a stated length only. Waits
 * for the first bytes, because some clients send the end of an empty body in chunks.
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
