import { randomBytes } from "node:crypto";
import type { PreparedRequest } from "../load/exchange.ts";

/** `BASE_PATH` of the measured Workers. */
export const basePath = "/api/auth";

/** Headers of a typical browser. */
const browser = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0",
  Accept: "*/*",
  "Accept-Language": "en",
};

/** Creates a request with a full session in its cookie. */
export const visit = (
  path: string,
  token: string,
  headers: Record<string, string> = {},
): PreparedRequest => ({
  method: "GET",
  path,
  headers: { ...browser, Cookie: `__Host-sallyport=${token}`, ...headers },
  status: 200,
});

/** `PROXY_KEY` of the measured Workers: behind the gate, the endpoints for proxies require it (INC-28). */
export const proxyKey = randomBytes(32).toString("base64url");

const asProxy = { "X-Sallyport-Proxy-Key": proxyKey };

/** Creates an access check of a visitor's request, as nginx sends it. */
export const createAuthRequest = (token: string): PreparedRequest =>
  visit(`${basePath}/auth-request`, token, {
    ...asProxy,
    "X-Original-Method": "GET",
    "X-Original-URL": "/private",
  });

/** Creates the same check in the forward-auth form of other proxies. */
export const createForwardAuthRequest = (token: string): PreparedRequest =>
  visit(`${basePath}/forward-auth`, token, {
    ...asProxy,
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Uri": "/private",
  });

/** Creates a request to the JSON API. */
export const call = (
  path: string,
  body: object,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): PreparedRequest => ({
  method: "POST",
  path: basePath + path,
  headers: { ...browser, "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
  status,
});

/** Creates an anonymous request. */
export const get = (path: string): PreparedRequest => ({
  method: "GET",
  path,
  headers: browser,
  status: 200,
});
