import { randomBytes } from "node:crypto";
import type { PreparedRequest } from "../load/exchange.ts";

/** Where Sallyport answers. */
export const basePath = "/api/auth";

/** What a browser's request has beside what it is about. */
const browser = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0",
  Accept: "*/*",
  "Accept-Language": "en",
};

/** A request with a full session in its cookie. */
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

/** `PROXY_KEY` of the Workers that are measured: behind the gate, the endpoints for proxies need it (INC-28). */
export const proxyKey = randomBytes(32).toString("base64url");

const asProxy = { "X-Sallyport-Proxy-Key": proxyKey };

/** A proxy's question about a visitor's request. */
export const askAuthRequest = (token: string): PreparedRequest =>
  visit(`${basePath}/auth-request`, token, {
    ...asProxy,
    "X-Original-Method": "GET",
    "X-Original-URL": "/private",
  });

/** The same, as other proxies put it. */
export const askForwardAuth = (token: string): PreparedRequest =>
  visit(`${basePath}/forward-auth`, token, {
    ...asProxy,
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Uri": "/private",
  });

/** A call of the JSON API. */
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

/** Anybody's request. */
export const get = (path: string): PreparedRequest => ({
  method: "GET",
  path,
  headers: browser,
  status: 200,
});
