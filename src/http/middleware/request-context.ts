import { createMiddleware } from "hono/factory";
import type { Config } from "../../config.ts";
import { clientNetwork } from "../../core/client-network.ts";
import { createDeps } from "../../runtime.ts";
import type { AppEnv } from "../context.ts";

/** What a user agent may take up in the store. */
const longestUserAgent = 256;

/** Puts clock, client and dependencies into the context of a request. */
export function requestContext(config: Config) {
  return createMiddleware<AppEnv>((c, next) => {
    const requestId = crypto.randomUUID();
    // The platform sets it. Where it doesn't, everybody is in the one network that has no address.
    const address = c.req.header("CF-Connecting-IP") ?? null;
    const userAgent = c.req.header("User-Agent")?.slice(0, longestUserAgent) ?? null;
    c.set("config", config);
    c.set("deps", createDeps(config, c.env, c.executionCtx, requestId));
    c.set("now", new Date());
    c.set("client", { requestId, address, userAgent });
    c.set("network", clientNetwork(address));
    c.set("face", "api");
    return next();
  });
}
