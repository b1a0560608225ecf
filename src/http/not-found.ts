import type { AppContext } from "./context.ts";
import { respondWithFailure } from "./problem/failure-response.tsx";
import { acceptsHtml } from "./sign-in-redirect.ts";

/** Returns a 404: a page for a browser, a problem document for other clients. */
export function respondNotFound(c: AppContext): Response {
  if (acceptsHtml(c)) c.set("errorFormat", "page");
  return respondWithFailure(c, { ok: false, reason: "no_such_page" });
}
