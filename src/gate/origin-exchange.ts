import type { AccessWatch } from "./access-watch.ts";
import { isWebSocketUpgrade } from "./connection-headers.ts";
import { createOriginRequest, hasUnsendableBody, type OriginRequestInput } from "./origin-request.ts";
import { type RelayedBody, relayBody, statedBodyLength } from "./relayed-body.ts";

export interface OriginExchangeInput extends Pick<OriginRequestInput, "target" | "request" | "headers"> {
  /** Ends the exchange when the access ends. Null: the access does not end. */
  readonly watch: AccessWatch | null;
}

/** The outcome of an exchange with the origin. */
export type OriginExchangeResult =
  | { readonly kind: "response"; readonly response: Response }
  /** The body of a `GET` or `HEAD` has no stated length, and the runtime can't send it. */
  | { readonly kind: "length_required" }
  /** The runtime can't send what the client has sent, or the client has broken its body off. */
  | { readonly kind: "unsendable"; readonly error: unknown }
  /** The access has ended before the origin has responded (INC-38). */
  | { readonly kind: "access_ended" }
  | { readonly kind: "origin_unavailable"; readonly error: unknown };

/** Sends a request to the origin as the client has sent it. Only a failure of the origin is `origin_unavailable`. */
export async function exchangeWithOrigin(input: OriginExchangeInput): Promise<OriginExchangeResult> {
  const { request, watch } = input;
  if (await hasUnsendableBody(request)) return { kind: "length_required" };
  const upload = relayUpload(request, watch);
  const body = upload === null ? request.body : upload.body;
  const signal = signalFor(request, watch);
  let sent: Request;
  try {
    sent = createOriginRequest({ ...input, body, signal });
  } catch (error) {
    return { kind: "unsendable", error };
  }
  try {
    const response = await fetch(sent);
    return watch?.signal.aborted === true ? { kind: "access_ended" } : { kind: "response", response };
  } catch (error) {
    if (watch?.signal.aborted === true) return { kind: "access_ended" };
    if (upload?.hasSourceFailed() === true) return { kind: "unsendable", error };
    return { kind: "origin_unavailable", error };
  }
}

/** The signal that ends the exchange. A WebSocket is closed with a code instead, by its relay. */
function signalFor({ signal, headers }: Request, watch: AccessWatch | null): AbortSignal {
  if (watch === null || isWebSocketUpgrade(headers)) return signal;
  return AbortSignal.any([signal, watch.signal]);
}

/** Relays the body of a request, so that it counts as use, and so that its failure is not taken for one of the origin. */
function relayUpload({ method, body, headers }: Request, watch: AccessWatch | null): RelayedBody | null {
  const length = statedBodyLength(headers);
  const isPassedOn = body === null || length === 0 || method === "GET" || method === "HEAD";
  return isPassedOn ? null : relayBody(body, length, watch);
}
