import { Hono } from "hono";
import type { AppEnv } from "../context.ts";
import script from "./assets/sallyport.client.js";
import styles from "./assets/sallyport.css";
import siteScript from "./assets/site.client.js";

/** Short, because a release changes the files and not their addresses. */
const maxAgeSeconds = 300;

/** Serves the style sheet and the browser script of the pages, and the script for pages of a site (`site.js`). */
export const assetRoutes = new Hono<AppEnv>()
  .get("/assets/sallyport.css", (c) => c.body(styles, 200, assetHeaders("text/css")))
  .get("/assets/site.js", (c) => c.body(siteScript, 200, assetHeaders("text/javascript")))
  .get("/assets/sallyport.js", (c) => c.body(script, 200, assetHeaders("text/javascript")));

const assetHeaders = (type: string) => ({
  "Content-Type": `${type}; charset=utf-8`,
  "Cache-Control": `public, max-age=${maxAgeSeconds}`,
});
