import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type RedirectingForm = {
  readonly address: string;
  readonly elsewhere: string;
  /** How often the other origin was asked. */
  readonly arrivals: () => number;
  readonly close: () => Promise<void>;
};

/** A page whose policy is `form-action 'self'`, with forms whose answers lead to another origin in three ways. */
export async function serveRedirectingForm(): Promise<RedirectingForm> {
  let arrivals = 0;
  const other = await listen((request, response) => {
    if (request.url === "/") arrivals += 1;
    response.end("arrived");
  });
  const elsewhere = addressOf(other);
  const form = (path: string, name: string) =>
    `<form method="post" action="${path}"><button>${name}</button></form>`;
  const site = await listen((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.setHeader("Content-Security-Policy", "default-src 'none'; form-action 'self'");
    if (request.url === "/away") response.writeHead(303, { Location: `${elsewhere}/` });
    if (request.url === "/done") response.writeHead(303, { Location: "/away" });
    const goesOn = `<meta http-equiv="refresh" content="0; url=${elsewhere}/">`;
    const forms =
      form("/away", "Redirect") +
      form("/done", "Redirect to a redirect") +
      form("/page", "Answer with a page");
    response.end(request.url === "/page" ? goesOn : forms);
  });
  return {
    address: addressOf(site),
    elsewhere,
    arrivals: () => arrivals,
    close: async () => {
      for (const server of [site, other]) {
        server.closeAllConnections();
        await new Promise((closed) => server.close(closed));
      }
    },
  };
}

function listen(answer: RequestListener): Promise<Server> {
  const server = createServer(answer);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
