import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod/mini";
import { parseReturnPathOrRoot } from "../../../core/parsing/return-path.ts";
import type { AppContext } from "../../context.ts";
import { logFailure } from "../../problem/failure-response.tsx";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { retryRateLimitAndAllowHeaders, toProblem } from "../../problem/problem.ts";
import { ownPagePath } from "../../sign-in-redirect.ts";
import { renderHtmlDocument } from "./layout.tsx";

/** Returns the properties that every page component takes. */
export const pageProps = (c: AppContext) => ({ base: c.var.config.basePath, issuer: c.var.config.issuer });

/** The response of a handler that shows a page. */
export type PageResponse = Response | Promise<Response>;

/** Responds with a page. */
export function showPage(
  c: AppContext,
  page: Parameters<typeof renderHtmlDocument>[0],
  status: ContentfulStatusCode = 200,
): PageResponse {
  return c.html(renderHtmlDocument(page), status);
}

/** Logs the failure, and responds with this page and the failure's status and headers. */
export function rerenderWithFailure(
  c: AppContext,
  failure: AnyFailure,
  page: Parameters<typeof renderHtmlDocument>[0],
): PageResponse {
  const problem = toProblem(failure);
  for (const [name, value] of Object.entries(retryRateLimitAndAllowHeaders(problem))) c.header(name, value);
  logFailure(c, problem.status, failure);
  return showPage(c, page, problem.status);
}

/** Returns the page properties that describe a failure: the seconds to wait, or the error text. */
export function toErrorOrRetryAfterProps(
  failure: AnyFailure,
): { error: string } | { retryAfterSeconds: number } {
  return failure.reason === "too_many_attempts"
    ? { retryAfterSeconds: failure.retryAfterSeconds }
    : { error: toProblem(failure).detail };
}

/** Schema of a required form field. A form sends only text, so the error is about a missing field. `maxLength`: UTF-16 units. */
export const requiredTextFieldSchema = (maxLength: number) =>
  z
    .string("Invalid input: expected string, received undefined")
    .check(z.maxLength(maxLength, `Too big: expected string to have <=${maxLength} characters`));

/** Schema of a form's return path. Everything that is not a path on this host becomes `/`. */
export const returnPathSchema = () =>
  z.pipe(
    z.optional(z.string()),
    z.transform((path) => parseReturnPathOrRoot(path)),
  );

/** Returns the return path (`rd`) from the query of the request. */
export const readReturnPath = (c: AppContext) => parseReturnPathOrRoot(c.req.query("rd"));

/** Returns the path to redirect to when a page is completed. Without an origin there is no site at `/`, so it is the account page. */
export function redirectPathAfterPage(c: AppContext, returnPath: string): string {
  return returnPath === "/" && c.var.config.originUrl === null ? ownPagePath(c, "/account") : returnPath;
}

/** Returns the path of the site behind the gate, or null without `ORIGIN_URL`. */
export const siteHref = (c: AppContext) => (c.var.config.originUrl === null ? null : "/");
