import type { Bindings } from "../../src/runtime.ts";
import { base, send } from "./worker.ts";

/** How Traefik is set up in front of a site: its `forwardAuth`, and the headers that it puts on and takes off. */
export interface TraefikSetup {
  readonly bindings: Bindings;
  /** The site behind it. */
  readonly site: (request: Request) => Promise<Response>;
  readonly proxyKey: string;
  /** The address that a client comes from. */
  readonly clientAddress: string;
}

const authResponseHeaders = ["Remote-User", "Remote-Email", "X-Sallyport-Assertion"];
const addAuthCookiesToResponse = ["__Host-sallyport"];

/** RFC 9110 7.6.1. */
const hopByHop = [
  "Connection",
  "Keep-Alive",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "Proxy-Connection",
];

/**
 * Simulates Traefik, which Debian does not package, after its `pkg/middlewares/auth/forward.go`. It sends a GET with the client's headers,
 * its own `X-Forwarded-*` and another `Host`. After a 2xx, the listed headers replace those of the client, and the listed cookies are added to
 * the response. Any other response is returned unchanged, as with `preserveLocationHeader`: without that option, Traefik completes a relative
 * redirect with the Worker's host.
 */
export class Traefik {
  /** What it has asked. */
  readonly questions: Request[] = [];
  constructor(readonly setup: TraefikSetup) {}

  readonly handle = async (request: Request): Promise<Response> => {
    const { bindings, site, proxyKey } = this.setup;
    const { pathname } = new URL(request.url);
    if (pathname === base || pathname.startsWith(`${base}/`)) {
      if (pathname.endsWith("/forward-auth") || pathname.endsWith("/auth-request"))
        return new Response("404 page not found", { status: 404 });
      return send(
        new Request(request, { headers: this.#forwardedHeaders(request), redirect: "manual" }),
        bindings,
      );
    }
    const answer = await send(this.#question(request), bindings);
    if (answer.status < 200 || answer.status > 299) return answer;
    const headers = new Headers(request.headers);
    for (const name of authResponseHeaders) {
      headers.delete(name);
      const value = answer.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    if (headers.get("X-Sallyport-Proxy-Key") === proxyKey) throw new Error("The key has leaked");
    const { search } = new URL(request.url);
    const forwarded = new Request(new Request(`http://origin.test${pathname}${search}`, request), {
      headers,
    });
    const response = await site(forwarded);
    const result = new Response(response.body, response);
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = ""] = cookie.split("=", 1);
      if (addAuthCookiesToResponse.includes(name)) result.headers.append("Set-Cookie", cookie);
    }
    return result;
  };

  #forwardedHeaders(request: Request): Headers {
    const { proxyKey, clientAddress } = this.setup;
    const { host, protocol } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.set("X-Forwarded-For", clientAddress);
    headers.set("X-Forwarded-Proto", protocol.slice(0, -1));
    headers.set("X-Forwarded-Host", host);
    headers.set("X-Sallyport-Proxy-Key", proxyKey);
    return headers;
  }

  #question(request: Request): Request {
    const { pathname, search } = new URL(request.url);
    const headers = this.#forwardedHeaders(request);
    for (const name of hopByHop) headers.delete(name);
    headers.delete("Content-Length");
    headers.set("X-Forwarded-Method", request.method);
    headers.set("X-Forwarded-Uri", pathname + search);
    const question = new Request(`http://sallyport.internal${base}/forward-auth`, {
      headers,
      redirect: "manual",
    });
    this.questions.push(question);
    return question;
  }
}
