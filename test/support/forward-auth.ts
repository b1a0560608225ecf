import {
  generateSessionSecret,
  type SessionClaims,
  signFullToken,
} from "../../src/core/tokens/session-token.ts";
import { type Bindings, getConfig } from "../../src/runtime.ts";
import { base, environment, host, type Overrides, send } from "./worker.ts";

export const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";

export type Endpoint = "/auth-request" | "/forward-auth";
export const endpoints: readonly Endpoint[] = ["/auth-request", "/forward-auth"];

export interface Rule {
  readonly path: string;
  readonly require: "none" | "first_factor" | "second_factor";
  readonly methods?: readonly string[];
  readonly max_age?: number;
}

/** The environment of a Worker that proxies ask: there is no origin behind it. */
export const asked = (policy: readonly Rule[] = [], overrides: Overrides = {}): Bindings =>
  environment({ POLICY: JSON.stringify(policy), PROXY_KEY: proxyKey, ...overrides });

export interface Question {
  readonly method?: string;
  readonly uri?: string;
  /** What the client has sent, or what the proxy says in another way. */
  readonly headers?: Record<string, string>;
  /** The token of a full session, sent as a browser sends it. */
  readonly session?: string;
}

/** Asks about a request, as Caddy and Traefik do. */
export function ask(bindings: Bindings, endpoint: Endpoint, question: Question = {}): Promise<Response> {
  const { method = "GET", uri = "/inbox", session } = question;
  const headers = new Headers({ "X-Forwarded-Method": method, "X-Forwarded-Uri": uri, ...question.headers });
  if (session !== undefined) headers.set("Cookie", `__Host-sallyport=${session}`);
  return send(new Request(host + base + endpoint, { headers, redirect: "manual" }), bindings);
}

/** Asks with these headers and no others. */
export function askWith(
  bindings: Bindings,
  endpoint: Endpoint,
  headers: Record<string, string> | Headers,
): Promise<Response> {
  return send(new Request(host + base + endpoint, { headers, redirect: "manual" }), bindings);
}

export const page = { Accept: "text/html", "Sec-Fetch-Mode": "navigate" };

/**
 * The token of a session that has shown both factors just now, or of another one. No store knows it: while it is
 * fresh, none is asked.
 */
export function mintSession(claims: Partial<SessionClaims> = {}): Promise<string> {
  const now = new Date();
  const { keyring } = getConfig(environment());
  return signFullToken(keyring, {
    sessionSecret: generateSessionSecret(),
    userId: "u-ada",
    realm: "local",
    username: "ada",
    email: "ada@example.com",
    enrolled: true,
    binding: null,
    amr: ["pwd", "otp"],
    firstFactorAt: now,
    secondFactorAt: now,
    checkedAt: now,
    expiresAt: new Date(now.getTime() + 3_600_000),
    ...claims,
  });
}

export const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000);

/** The identity headers of an answer, as they are. Null: the header is not there. */
export const identityIn = ({ headers }: Response) => [
  headers.get("Remote-User"),
  headers.get("Remote-Email"),
  headers.get("X-Sallyport-Assertion"),
];

export const noIdentity = ["", "", ""];
