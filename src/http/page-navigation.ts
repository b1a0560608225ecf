import { parseAccept } from "hono/utils/accept";
import type { AppContext } from "./context.ts";

/**
 * True when the client shows the response as a page: a browser that navigates, or a client that prefers HTML. Such a client gets
 * redirects and error pages. A script gets problem documents, because it expects data.
 *
 * `Sec-Fetch-Mode` and `Sec-Fetch-Dest` decide where they are present, because a script can't set them (Fetch Metadata 2). Without
 * them, `X-Requested-With: XMLHttpRequest` means a script: script libraries send it. Android's WebView sends another value.
 */
export function isPageNavigation(c: AppContext): boolean {
  const mode = c.req.header("Sec-Fetch-Mode");
  if (mode !== undefined) return mode === "navigate";
  const destination = c.req.header("Sec-Fetch-Dest");
  if (destination !== undefined) return pageDestinations.has(destination);
  return c.req.header("X-Requested-With")?.toLowerCase() !== "xmlhttprequest" && prefersHtml(c);
}

const pageDestinations: ReadonlySet<string> = new Set(["document", "iframe", "frame", "embed", "object"]);

/**
 * True when `Accept` names `text/html` with a weight above zero, and no JSON type with a greater one (RFC 9110 12.5.1). A wildcard
 * does not count, because clients that can't show a page send it by default.
 */
function prefersHtml(c: AppContext): boolean {
  const ranges = parseAccept(c.req.header("Accept") ?? "");
  const weightOf = (pattern: RegExp) =>
    Math.max(0, ...ranges.filter(({ type }) => pattern.test(type)).map(({ q }) => q));
  const html = weightOf(/^text\/html$/i);
  return html > 0 && html >= weightOf(/^application\/(?:[\w.-]+\+)?json$/i);
}
