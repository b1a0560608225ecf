/** A request that the load process sends, with the expected status. */
export interface PreparedRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly status: number;
}

/** Messages to send to a WebSocket that echoes them, one after another. */
export interface SocketOrder {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly messages: number;
}

/** Requests and the way they are sent. */
export interface Order {
  readonly origin: string;
  /** Sent in order; the sequence is repeated `repeat` times. */
  readonly requests: readonly PreparedRequest[];
  readonly repeat: number;
  /** The number of connections, with one request at a time on each. */
  readonly connections: number;
}

/** The measurements of an order. */
export interface Outcome {
  /** The time of each exchange, from its first byte sent to its last byte read. */
  readonly milliseconds: Float64Array;
  /** The total time. */
  readonly elapsedMilliseconds: number;
  /** The number of responses with an unexpected status. `firstWrong` describes the first. */
  readonly wrong: number;
  readonly firstWrong: string | null;
}
