import { createMiddleware } from "hono/factory";
import type { Config } from "../../config/config.ts";
import { isEqualInConstantTime } from "../../core/crypto/constant-time.ts";
import { BoundedMap } from "../../core/lib/bounded-map.ts";
import { isPlainOrigin, rawPathOf } from "../../core/parsing/raw-path.ts";
import { createDeps } from "../../runtime.ts";
import type { AppContext, AppEnv } from "../context.ts";
import { FailureError } from "../problem/http-failure.ts";
import { createFirstFactorSourceOfRequest, readHandedOverFirstFactor } from "../request-source.ts";

/** A longer `User-Agent` is cut off before it is stored. */
const maxUserAgentLength = 256;

/** Sets the variables of {@link AppEnv} in the context of a request. */
export function createRequestContextMiddleware(config: Config) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const requestId = crypto.randomUUID();
    const now = new Date();
    let url: URL | undefined;
    const trusted = config.proxyKey !== null && (await hasProxyKey(c, config.proxyKey));
    c.set("config", config);
    const handedOver = await readHandedOverFirstFactor(c, now);
    const recheckNewTokens = handedOver !== null;
    c.set("deps", createDeps(config, c.env, c.executionCtx, requestId, { recheckNewTokens }));
    c.set("now", now);
    // `address` and `userAgent` are getters, because a request with a fresh session needs neither of them.
    c.set("client", {
      requestId,
      get address() {
        return clientAddress(c, trusted);
      },
      get userAgent() {
        return c.req.header("User-Agent")?.slice(0, maxUserAgentLength) ?? null;
      },
    });
    c.set("url", () => {
      url ??= new URL(rawPathOf(c.req.url) === "" ? originOf(c.req.url) : c.req.url);
      return url;
    });
    c.set("trusted", trusted);
    c.set("publicOrigin", publicOrigin(c, trusted));
    c.set("source", createFirstFactorSourceOfRequest(c, now, trusted, handedOver));
    c.set("errorFormat", "json");
    await next();
  });
}

async function hasProxyKey(c: AppContext, proxyKey: string): Promise<boolean> {
  const shown = c.req.header("X-Sallyport-Proxy-Key");
  return shown !== undefined && isEqualInConstantTime(shown, proxyKey);
}

/**
 * Returns the address of the client: `CF-Connecting-IP`, or behind a trusted proxy the last entry of `X-Forwarded-For`,
 * which the proxy itself added. Clients without an address share one throttle.
 */
function clientAddress(c: AppContext, trusted: boolean): string | null {
  const forwarded = trusted ? c.req.header("X-Forwarded-For")?.split(",").at(-1)?.trim() : undefined;
  return forwarded || (c.req.header("CF-Connecting-IP") ?? null);
}

/** Returns the origin that the visitor sees. A trusted proxy that ends TLS sends the visitor's scheme. */
function publicOrigin(c: AppContext, trusted: boolean): string {
  const origin = originOf(c.req.url);
  const scheme = trusted ? c.req.header("X-Forwarded-Proto") : undefined;
  return scheme === "https" || scheme === "http" ? origin.replace(/^[a-z]+/, scheme) : origin;
}

const badHost = "The Host header names no host.";

/** The results of `originOf`: a Worker has few hosts, and parsing a URL costs more than a lookup. */
const origins = new BoundedMap<string, string>(100);

/**
 * Returns the origin of a URL, as the URL standard serializes it.
 *
 * @throws FailureError 400 when the host has characters that another parser could read differently
 */
function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("//") + 2);
  // For `OPTIONS *` (RFC 9110, section 9.3.7) the runtime appends the asterisk to the host.
  const given = end === -1 ? url.replace(/\*$/, "") : url.slice(0, end);
  const known = origins.get(given);
  if (known !== undefined) return known;
  const origin = isPlainOrigin(given) ? URL.parse(given)?.origin : undefined;
  if (origin === undefined)
    throw new FailureError({ ok: false, reason: "malformed_request", detail: badHost });
  origins.set(given, origin);
  return origin;
}
