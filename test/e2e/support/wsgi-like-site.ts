import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface WsgiLikeSite {
  readonly port: number;
  /** The paths that the site has served since the last call. */
  readonly takeServed: () => string[];
  readonly stop: () => Promise<void>;
}

/**
 * Starts a site that looks for its page as known servers do: an address as a whole is resolved, and a prefix that a header names is
 * taken from the path (gunicorn with `SCRIPT_NAME` from the loopback, the snippet for Flask with `X-Script-Name`); `Path-Info` replaces
 * it, as do the headers of Next.js. A response of `/public/download?to=…` has that target as its `X-Accel-Redirect`, and every
 * response has the request's headers, as one to TRACE has them.
 */
export async function startWsgiLikeSite(): Promise<WsgiLikeSite> {
  let served: string[] = [];
  const site = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://site.invalid");
    const path = pathServed(request, url.pathname);
    served.push(path);
    const target = url.searchParams.get("to");
    if (path === "/public/download" && target !== null) response.setHeader("X-Accel-Redirect", target);
    response.setHeader("X-Served", path);
    response.end(JSON.stringify({ method: request.method, rawHeaders: request.rawHeaders }));
  });
  // Node's server knows no `get` and no `TRACK`. Others do.
  site.on("clientError", (error: Error & { code?: string }, socket) => {
    if (error.code?.startsWith("HPE_")) served.push("a request that Node cannot read");
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const stop = async () => {
    site.closeAllConnections();
    site.close();
    await once(site, "close");
  };
  const takeServed = () => {
    const taken = served;
    served = [];
    return taken;
  };
  return { port: (site.address() as AddressInfo).port, takeServed, stop };
}

function pathServed({ headers }: IncomingMessage, path: string): string {
  const folded = new Map(Object.entries(headers).map(([name, value]) => [name.replaceAll("-", "_"), value]));
  const read = (name: string) => String(folded.get(name) ?? "");
  const moved = read("path_info") || read("x_matched_path") || read("x_invoke_path") || path;
  const prefix = read("script_name") || read("x_script_name");
  return moved.startsWith(prefix) ? moved.slice(prefix.length) : moved;
}
