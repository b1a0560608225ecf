/** A request that the load process sends, and what has to come back. */
export interface PreparedRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly status: number;
}

/** A WebSocket that sends back what it gets, and how many messages go there one after another. */
export interface SocketOrder {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly messages: number;
}

/** Requests, and how they are sent. */
export interface Order {
  readonly origin: string;
  /** Sent in turn, each `repeat` times over. */
  readonly requests: readonly PreparedRequest[];
  readonly repeat: number;
  /** How many connections, with one request at a time on each. */
  readonly connections: number;
}

/** What came of it. */
export interface Outcome {
  /** Of each exchange, from its first byte sent to its last byte read. */
  readonly milliseconds: Float64Array;
  /** Of all of them together. */
  readonly elapsedMilliseconds: number;
  /** Answers with another status than the one that they should have, and the first of them in words. */
  readonly wrong: number;
  readonly firstWrong: string | null;
}
