import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";

/** Makes every refusal of the following handlers a page instead of a problem document. */
export const setErrorFormatToPage = createMiddleware<AppEnv>((c, next) => {
  c.set("errorFormat", "page");
  return next();
});
