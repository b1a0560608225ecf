import type { AppContext } from "./context.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";

/** Returns a 404 for an address below `BASE_PATH`: a page for a browser, a problem document for other clients. */
export function respondNotFound(c: AppContext): Response {
  // Below the path of a page every refusal is a page.
  if (c.var.errorFormat === "json") c.set("errorFormat", "by_request");
  return respondWithFailure(c, { ok: false, reason: "no_such_own_address", basePath: c.var.config.basePath });
}
