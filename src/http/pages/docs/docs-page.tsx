import { Hono } from "hono";
import type { Config } from "../../../config/config.ts";
import type { AppEnv } from "../../context.ts";
import type { OpenApiDocument } from "../../openapi/shapes.ts";
import { renderHtmlDocument } from "../layout/layout.tsx";
import { pageProps } from "../layout/page.ts";
import { DocsPage } from "./docs-view.tsx";

/** `GET /docs`: the OpenAPI document as a page. Rendering takes longer than a sign-in, so the HTML is cached for each document. */
export function createDocsPageRoute(documentFor: (config: Config) => OpenApiDocument): Hono<AppEnv> {
  const cache = new WeakMap<OpenApiDocument, { readonly origin: string; readonly html: string }>();
  return new Hono<AppEnv>().get("/docs", (c) => {
    const document = documentFor(c.var.config);
    const origin = c.var.publicOrigin;
    const cached = cache.get(document);
    if (cached?.origin === origin) return c.html(cached.html);
    const html = renderHtmlDocument(<DocsPage {...pageProps(c)} document={document} origin={origin} />);
    cache.set(document, { origin, html });
    return c.html(html);
  });
}
