import type { Exchange } from "./exchange.ts";
import { type Message, statusOf } from "./message.ts";
import { type Change, inResponse } from "./seen.ts";
import type { Outcome, Surroundings, Way } from "./surroundings.ts";

/** The way on which an exchange was made, and what is known about it. */
export interface Passage {
  readonly exchange: Exchange;
  readonly way: Way;
  readonly visitor: Surroundings["visitor"];
  /** Host and port of the origin. */
  readonly originHost: string;
  /** The host in the requests, and the port of nginx. */
  readonly nginxHost: string;
}

/** A documented difference between a direct exchange and one through the gate or through nginx. */
export interface Difference {
  /** The anchor in docs/fidelity.md. */
  readonly id: string;
  readonly at: readonly ("gate" | "nginx")[];
  readonly of: "request" | "response" | "WebSocket";
  /** docs/fidelity.md explains the causes. */
  readonly cause: "identity" | "protection" | "host" | "platform" | "nginx";
  /** What differs, as Markdown. */
  readonly what: string;
  /** The reason, as Markdown. */
  readonly why: string;
  /** Returns the response that the client gets in place of the origin's, or null. The origin does not get the request, or does not respond. */
  readonly refuses?: (passage: Passage, direct: Outcome) => Message | null;
  /** Returns how the direct outcome changes on this passage. */
  readonly changes?: (passage: Passage) => Change;
  /** Removes a detail from both outcomes, which cannot be predicted or means nothing. */
  readonly ignores?: Change;
}

/** True when the client waits for `100 Continue` before it sends the body. */
export const isExpecting = ({ lines }: Exchange): boolean => lines.some((line) => line.startsWith("Expect:"));

/**
 * Changes what nginx takes for the response: of several, the first interim one. Bytes that are not HTTP pass as they are. When the
 * client is {@link isExpecting}, the interim response is nginx's own.
 */
export const inNginxResponse =
  ({ exchange }: Passage, change: (response: Message) => Message): Change =>
  (outcome) => {
    const { received } = outcome;
    const [first, ...others] = received.interim;
    if (first !== undefined && !isExpecting(exchange))
      return { ...outcome, received: { ...received, interim: [change(first), ...others] } };
    const isHttp = received.final !== null && statusOf(received.final.startLine) > 0;
    return isHttp ? inResponse(change)(outcome) : outcome;
  };
