import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Keyring } from "../../src/core/crypto/keyring.ts";
import type { FullSessionClaims } from "../../src/core/tokens/session-token.ts";
import type { Bindings } from "../../src/runtime.ts";
import { keyringOf } from "./keyring.ts";
import { signSession } from "./session-token.ts";
import { environment, host, type Overrides, send } from "./worker.ts";

export const originUrl = "http://origin.test";

/** The headers of a page load, and of a script's request. */
export const pageLoad = {
  Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Dest": "document",
};
export const scripted = { Accept: "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" };

/** A mock of `fetch` that records the requests to the origin. */
export interface FakeOrigin {
  /** The requests, in order. */
  readonly requests: Request[];
  /** The second argument of each call of `fetch`. */
  readonly inits: (RequestInit | undefined)[];
  /** Returns the only request, and throws when there is none or another one. */
  only(): Request;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** Mocks `fetch` with an origin until `vi.restoreAllMocks()`. */
export function mockOrigin(answer: Handler = () => new Response("from the origin")): FakeOrigin {
  const requests: Request[] = [];
  const inits: (RequestInit | undefined)[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    requests.push(request);
    inits.push(init as RequestInit | undefined);
    return answer(request);
  });
  return {
    requests,
    inits,
    only() {
      const [request] = requests;
      if (request === undefined || requests.length !== 1)
        throw new Error(`${requests.length} requests have reached the origin`);
      return request;
    },
  };
}

export interface Rule {
  readonly path: string;
  readonly require: "none" | "first_factor" | "second_factor";
  readonly methods?: readonly string[];
  readonly max_age?: number;
}

/** The environment of a Worker with an origin behind it. */
export const gated = (policy: readonly Rule[] = [], overrides: Overrides = {}): Bindings =>
  environment({ ORIGIN_URL: originUrl, POLICY: JSON.stringify(policy), ...overrides });

export interface Visit {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: BodyInit;
  /** The token of a full session, sent in its cookie. */
  readonly session?: string;
}

/** Sends a request to the gate. */
export function visit(bindings: Bindings, path: string, options: Visit = {}): Promise<Response> {
  const { method, body, session } = options;
  const headers = new Headers(options.headers);
  if (session !== undefined) {
    const others = headers.get("Cookie");
    headers.set("Cookie", [...(others === null ? [] : [others]), `__Host-sallyport=${session}`].join("; "));
  }
  const request = new Request(host + path, {
    headers,
    redirect: "manual",
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
  });
  return send(request, bindings);
}

/** The keyring of the Worker under test. */
export const workersKeyring = (text = env.KEYRING): Keyring => keyringOf(...text.split(","));

/** Signs the token of a full session for the Worker under test: see `signSession`. */
export const mintSessionToken = (claims: Partial<FullSessionClaims> = {}, keyring = workersKeyring()) =>
  signSession(keyring, claims);

export const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000);
