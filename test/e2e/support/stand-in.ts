import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server in the place of Sallyport. */
export interface StandIn {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Stands in for Sallyport: for what the real one can't be brought to do when it is asked. On loopback only. */
export async function startStandIn(answer: RequestListener): Promise<StandIn> {
  const server: Server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/api/auth`, stop };
}

/** Answers with a problem document. */
export const refuse =
  (status: number, code: string, detail: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "Content-Type": "application/problem+json; charset=utf-8", ...headers });
    response.end(
      JSON.stringify({ type: "about:blank", title: code, status, detail, code, request_id: "r-1" }),
    );
  };

/** Answers with a success. */
export const succeed =
  (data: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ status: "success", data }));
  };
