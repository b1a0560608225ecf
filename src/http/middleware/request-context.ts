import { createMiddleware } from "hono/factory";
import type { Config } from "../../config/config.ts";
import { equalInConstantTime } from "../../core/crypto/constant-time.ts";
import { BoundedMap } from "../../core/lib/bounded-map.ts";
import { isPlainOrigin, parseRawPath } from "../../core/parsing/raw-path.ts";
import { createDeps } from "../../runtime.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { FailureError } from "../problem/http-failure.ts";
import { createRequestSource } from "../request-source.ts";

/** What a user agent may take up in the store. */
const longestUserAgent = 256;

/** Puts clock, client and dependencies into the context of a request. */
export function requestContext(config: Config) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const requestId = crypto.randomUUID();
    const now = new Date();
    let url: URL | undefined;
    const trusted = config.proxyKey !== null && (await showsProxyKey(c, config.proxyKey));
    c.set("config", config);
    c.set("deps", createDeps(config, c.env, c.executionCtx, requestId));
    c.set("now", now);
    // Read when they are asked for: with a fresh session nobody does.
    c.set("client", {
      requestId,
      get address() {
        return clientAddress(c, trusted);
      },
      get userAgent() {
        return c.req.header("User-Agent")?.slice(0, longestUserAgent) ?? null;
      },
    });
    c.set("url", () => {
      url ??= new URL(parseRawPath(c.req.url) === "" ? originOf(c.req.url) : c.req.url);
      return url;
    });
    c.set("trusted", trusted);
    c.set("publicOrigin", publicOrigin(c, trusted));
    c.set("source", createRequestSource(c, now, trusted));
    c.set("errorFormat", "json");
    await next();
  });
}

async function showsProxyKey(c: AppContext, proxyKey: string): Promise<boolean> {
  const shown = c.req.header("X-Sallyport-Proxy-Key");
  return shown !== undefined && equalInConstantTime(shown, proxyKey);
}

/**
 * The platform names the client; a proxy of the operator's stands between, and names its own client last. Where
 * there is no address, everybody is in the one network that has none.
 */
function clientAddress(c: AppContext, trusted: boolean): string | null {
  const forwarded = trusted ? c.req.header("X-Forwarded-For")?.split(",").at(-1)?.trim() : undefined;
  return forwarded || (c.req.header("CF-Connecting-IP") ?? null);
}

/** Behind a proxy that ends TLS the Worker sees another scheme than the visitor. */
function publicOrigin(c: AppContext, trusted: boolean): string {
  const origin = originOf(c.req.url);
  const scheme = trusted ? c.req.header("X-Forwarded-Proto") : undefined;
  return scheme === "https" || scheme === "http" ? origin.replace(/^[a-z]+/, scheme) : origin;
}

const badHost = "The Host header names no host.";

/** A Worker has few hosts, and every request names one. */
const origins = new BoundedMap<string, string>(100);

/**
 * The scheme, host and port of an address, as the URL standard writes them.
 *
 * @throws FailureError with 400 when the host is not plain
 */
function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("//") + 2);
  // The runtime writes the target of `OPTIONS *` behind the host (RFC 9110 9.3.7).
  const given = end === -1 ? url.replace(/\*$/, "") : url.slice(0, end);
  const known = origins.get(given);
  if (known !== undefined) return known;
  const origin = isPlainOrigin(given) ? URL.parse(given)?.origin : undefined;
  if (origin === undefined)
    throw new FailureError({ ok: false, reason: "malformed_request", detail: badHost });
  origins.set(given, origin);
  return origin;
}
