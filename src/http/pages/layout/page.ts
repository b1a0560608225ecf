import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod/mini";
import { safeReturnPath } from "../../../core/parsing/return-path.ts";
import type { AppContext } from "../../context.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { describeFailure, problemHeaders } from "../../problem/problem.ts";
import { logRefusal } from "../../problem/refusal.tsx";
import { pageUrl } from "../../sign-in-redirect.ts";
import { renderDocument } from "./layout.tsx";

/** What every page shows about this deployment. */
export const chrome = (c: AppContext) => ({ base: c.var.config.basePath, issuer: c.var.config.issuer });

/** Answers with a page. */
export function showPage(
  c: AppContext,
  page: Parameters<typeof renderDocument>[0],
  status: ContentfulStatusCode = 200,
): Response | Promise<Response> {
  return c.html(renderDocument(page), status);
}

/** Shows a page again because of a failure: with its status and headers. */
export function rerenderWithFailure(
  c: AppContext,
  failure: AnyFailure,
  page: Parameters<typeof renderDocument>[0],
): Response | Promise<Response> {
  const problem = describeFailure(failure);
  for (const [name, value] of Object.entries(problemHeaders(problem))) c.header(name, value);
  logRefusal(c, problem.status, failure);
  return showPage(c, page, problem.status);
}

/** What a page says about a failure: how long to wait, or what to do. */
export function explain(failure: AnyFailure): { error: string } | { retryAfterSeconds: number } {
  return failure.reason === "too_many_attempts"
    ? { retryAfterSeconds: failure.retryAfterSeconds }
    : { error: describeFailure(failure).detail };
}

/** A field that a form must have. What a form sends is text, so it is there or not. `maxLength`: UTF-16 units. */
export const textField = (maxLength: number) =>
  z
    .string("Invalid input: expected string, received undefined")
    .check(z.maxLength(maxLength, `Too big: expected string to have <=${maxLength} characters`));

/** The return path of a form: whatever is not a path on this host becomes `/`. */
export const returnPathField = () =>
  z.pipe(
    z.optional(z.string()),
    z.transform((path) => safeReturnPath(path)),
  );

/** The return path in a page's address. */
export const returnPathOf = (c: AppContext) => safeReturnPath(c.req.query("rd"));

/** Where a visitor goes on. Without an origin there is no site to go to, so `/` means the account. */
export function destination(c: AppContext, returnPath: string): string {
  return returnPath === "/" && c.var.config.originUrl === null ? pageUrl(c, "/account") : returnPath;
}

/** The site behind the gate, if there is one. */
export const siteHref = (c: AppContext) => (c.var.config.originUrl === null ? null : "/");
