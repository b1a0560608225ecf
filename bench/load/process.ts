/**
 * The load process. It is separate, so that it does not share a thread with the measured Workers. It receives orders from its
 * parent process, one at a time, and ends with it.
 */
import { Pool, WebSocket } from "undici";
import type { Order, Outcome, PreparedRequest, SocketOrder } from "./exchange.ts";

let pool: { origin: string; connections: number; client: Pool } | null = null;

async function clientFor({ origin, connections }: Order): Promise<Pool> {
  if (pool?.origin === origin && pool.connections === connections) return pool.client;
  await pool?.client.close();
  const client = new Pool(origin, { connections, pipelining: 1, headersTimeout: 60_000 });
  pool = { origin, connections, client };
  return client;
}

/** Sends a request and reads the whole response. Returns null when the status is as expected, else a description. */
function exchange(client: Pool, request: PreparedRequest): Promise<string | null> {
  const { method, path, headers, body = null, status } = request;
  return new Promise((resolve, reject) => {
    let answered = 0;
    const chunks: Buffer[] = [];
    client.dispatch(
      { method, path, headers: { ...headers }, body },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode) => {
          answered = statusCode;
        },
        onResponseData: (_controller, chunk) => {
          if (answered !== status) chunks.push(chunk);
        },
        onResponseEnd: () =>
          resolve(
            answered === status
              ? null
              : `${method} ${path}: ${answered} ${Buffer.concat(chunks).toString("utf8").slice(0, 300)}`,
          ),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

async function carryOut(order: Order): Promise<Outcome> {
  const { requests, repeat, connections } = order;
  const client = await clientFor(order);
  const total = requests.length * repeat;
  const milliseconds = new Float64Array(total);
  let [next, wrong] = [0, 0];
  let firstWrong: string | null = null;
  const work = async () => {
    while (next < total) {
      const index = next;
      next += 1;
      const request = requests[index % requests.length];
      if (request === undefined) return;
      const startedAt = performance.now();
      const complaint = await exchange(client, request);
      milliseconds[index] = performance.now() - startedAt;
      if (complaint === null) continue;
      wrong += 1;
      firstWrong ??= complaint;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, work));
  return { milliseconds, elapsedMilliseconds: performance.now() - startedAt, wrong, firstWrong };
}

async function exchangeMessages({ url, headers, messages }: SocketOrder): Promise<Outcome> {
  const socket = new WebSocket(url, { headers: { ...headers } });
  await once(socket, "open");
  const milliseconds = new Float64Array(messages);
  const begin = performance.now();
  for (let index = 0; index < messages; index += 1) {
    const startedAt = performance.now();
    const answered = once(socket, "message");
    socket.send("a message of some length, as a page would send it");
    await answered;
    milliseconds[index] = performance.now() - startedAt;
  }
  const elapsedMilliseconds = performance.now() - begin;
  socket.close();
  return { milliseconds, elapsedMilliseconds, wrong: 0, firstWrong: null };
}

/** Resolves at the event. Throws when the socket closes or fails first. */
function once(socket: WebSocket, event: "open" | "message"): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const settle = (act: () => void) => () => {
      end.abort();
      act();
    };
    socket.addEventListener(event, settle(resolve), { signal: end.signal });
    for (const failure of ["close", "error"] as const)
      socket.addEventListener(
        failure,
        settle(() => reject(new Error(`The WebSocket: ${failure}`))),
        { signal: end.signal },
      );
  });
}

process.on("message", (order: Order | SocketOrder) => {
  ("messages" in order ? exchangeMessages(order) : carryOut(order)).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
