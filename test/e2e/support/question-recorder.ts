import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as a server gets it. */
export interface Recorded {
  readonly method: string;
  /** The target of the request, as it came. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface Recorder {
  readonly port: number;
  /** What has come since the last time. */
  readonly take: () => Recorded[];
  readonly stop: () => Promise<void>;
}

/** A server that writes down what it gets, and answers 200 with these headers. */
export async function startRecorder(headers: Record<string, string>): Promise<Recorder> {
  let recorded: Recorded[] = [];
  const server = createServer(({ method = "", url = "", headers: received }, response) => {
    const entries = Object.entries(received).map(([name, value]): [string, string] => [name, String(value)]);
    recorded.push({ method, target: url, headers: new Map(entries) });
    response.writeHead(200, headers).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  const take = () => {
    const taken = recorded;
    recorded = [];
    return taken;
  };
  return { port: (server.address() as AddressInfo).port, take, stop };
}
