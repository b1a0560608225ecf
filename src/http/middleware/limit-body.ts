import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";
import { respondWithFailure } from "../problem/failure-response.tsx";

/** Limit of a request body (docs/contract.md#json-api). */
const maxBodyBytes = 16 * 1024;

const limit = bodyLimit({
  maxSize: maxBodyBytes,
  onError: (c) => respondWithFailure(c, { ok: false, reason: "body_too_large" }),
});

/**
 * Limits the size of request bodies.
 *
 * @param streamedPaths paths below `BASE_PATH` whose handler reads a longer body as a stream, and limits it itself
 */
export const limitBodySize = (streamedPaths: readonly string[]) =>
  createMiddleware<AppEnv>((c, next) => {
    const path = c.req.path.slice(c.var.config.basePath.length);
    return streamedPaths.includes(path) ? next() : limit(c, next);
  });
