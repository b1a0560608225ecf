import type { Bindings } from "../../src/runtime.ts";
import type { Rule } from "./gate.ts";
import { base, environment, host, type Overrides, send } from "./worker.ts";

export const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";

export type Endpoint = "/auth-request" | "/forward-auth";
export const endpoints: readonly Endpoint[] = ["/auth-request", "/forward-auth"];

/** The environment of a Worker with the forward-auth endpoints and without an origin. */
export const asked = (policy: readonly Rule[] = [], overrides: Overrides = {}): Bindings =>
  environment({ POLICY: JSON.stringify(policy), PROXY_KEY: proxyKey, ...overrides });

export interface Question {
  readonly method?: string;
  readonly uri?: string;
  /** Further headers: those of the client, or other headers of the proxy. */
  readonly headers?: Record<string, string>;
  /** The token of a full session, sent in its cookie. */
  readonly session?: string;
}

/** Sends a forward-auth request, as Caddy and Traefik do. */
export function ask(bindings: Bindings, endpoint: Endpoint, question: Question = {}): Promise<Response> {
  const { method = "GET", uri = "/inbox", session } = question;
  const headers = new Headers({ "X-Forwarded-Method": method, "X-Forwarded-Uri": uri, ...question.headers });
  if (session !== undefined) headers.set("Cookie", `__Host-sallyport=${session}`);
  return send(new Request(host + base + endpoint, { headers, redirect: "manual" }), bindings);
}

/** Sends a forward-auth request with these headers and no others. */
export function askWith(
  bindings: Bindings,
  endpoint: Endpoint,
  headers: Record<string, string> | Headers,
): Promise<Response> {
  return send(new Request(host + base + endpoint, { headers, redirect: "manual" }), bindings);
}

export const page = { Accept: "text/html", "Sec-Fetch-Mode": "navigate" };

/** The identity headers of a response. Null for an absent header. */
export const identityIn = ({ headers }: Response) => [
  headers.get("Remote-User"),
  headers.get("Remote-Email"),
  headers.get("X-Sallyport-Assertion"),
];

export const noIdentity = ["", "", ""];
