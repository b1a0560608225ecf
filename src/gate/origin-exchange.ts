import type { AccessWatch } from "./access-watch.ts";
import { isWebSocketUpgrade } from "./connection-headers.ts";
import {
  createOriginRequest,
  hasUnsendableBody,
  type OriginRequestInput,
  undecoded,
} from "./origin-request.ts";
import { isShortBody, relayBody, statedBodyLength } from "./relayed-body.ts";

export interface OriginExchangeInput extends Pick<OriginRequestInput, "target" | "request" | "headers"> {
  /** Ends the exchange when the access ends. Null: the access does not end. */
  readonly watch: AccessWatch | null;
}

/** The outcome of an exchange with the origin. */
export type OriginExchangeResult =
  | { readonly kind: "response"; readonly response: Response }
  /** The body of a `GET` or `HEAD` has no stated length, and the runtime can't send it. */
  | { readonly kind: "length_required" }
  /** The runtime can't send the client's request, or the client aborted its body. */
  | { readonly kind: "unsendable"; readonly error: unknown }
  /** The visitor's access ended before the origin responded (INC-38). */
  | { readonly kind: "access_ended" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/** Sends a request to the origin with the client's method and body. Only a failure of the origin is `origin_unavailable`. */
export async function exchangeWithOrigin(input: OriginExchangeInput): Promise<OriginExchangeResult> {
  const { request, headers, watch } = input;
  if (await hasUnsendableBody(request)) return { kind: "length_required" };
  const isHandshake = isWebSocketHandshake(request);
  // With `Upgrade: websocket` the runtime sends any request as a GET without a body, to which the policy was not applied (INC-31).
  if (!isHandshake) headers.delete("Upgrade");
  // The signal must not abort a WebSocket: its relay closes it with a close code.
  const ended = watch === null || isHandshake ? request.signal : watch.signal;
  let upload: Upload;
  let sent: Request;
  try {
    // Throws for a `Content-Length` that is too large for the runtime.
    upload = relayUpload(request, watch);
    const signal = upload.brokenOff === null ? ended : AbortSignal.any([ended, upload.brokenOff]);
    sent = createOriginRequest({ ...input, body: upload.body, signal });
  } catch (error) {
    return { kind: "unsendable", error };
  }
  try {
    const response = await fetch(sent, undecoded);
    return watch?.signal.aborted === true ? { kind: "access_ended" } : { kind: "response", response };
  } catch (error) {
    if (watch?.signal.aborted === true) return { kind: "access_ended" };
    return { kind: upload.brokenOff?.aborted ? "unsendable" : "origin_unavailable", error };
  }
}

/** True for a request that opens a WebSocket: it is a `GET`, and has no body (RFC 6455 4.1). */
const isWebSocketHandshake = ({ method, body, headers }: Request): boolean =>
  isWebSocketUpgrade(headers) && method === "GET" && (body === null || statedBodyLength(headers) === 0);

/** The body of a request on its way to the origin. */
interface Upload {
  readonly body: ReadableStream | null;
  /** Aborts when the client aborts the body. Null: the body is short, and is not relayed. */
  readonly brokenOff: AbortSignal | null;
}

/**
 * Relays the body of a request, so that its data counts as use of the session, and so that a failure of the client is not mistaken for one
 * of the origin. A short body is sent by the runtime: a client that aborts it gets no response anyway.
 *
 * If the body of a request fails in the Worker, the runtime ends the request as if the body were complete. So the request must be aborted
 * before its body fails: by `brokenOff` when the client aborts the body, and by the signal of the watch when the access ends.
 */
function relayUpload({ method, body, headers }: Request, watch: AccessWatch | null): Upload {
  const length = statedBodyLength(headers);
  if (body === null || isShortBody(length) || method === "GET" || method === "HEAD")
    return { body, brokenOff: null };
  const broken = new AbortController();
  const onPiece = watch === null ? null : () => watch.noteUse();
  const onSourceFailure = () => broken.abort(new Error("The client has broken the request off"));
  return { body: relayBody(body, length, { onPiece, onSourceFailure }).body, brokenOff: broken.signal };
}
