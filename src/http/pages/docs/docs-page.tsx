import { Hono } from "hono";
import type { Config } from "../../../config/config.ts";
import type { AppEnv } from "../../context.ts";
import type { ApiDocument } from "../../openapi/shapes.ts";
import { renderDocument } from "../layout/layout.tsx";
import { chrome } from "../layout/page.ts";
import { DocsPage } from "./docs-view.tsx";

/** `GET /docs`: the OpenAPI document for people. To render it takes longer than to sign in, so it is kept. */
export function docsPages(documentFor: (config: Config) => ApiDocument): Hono<AppEnv> {
  const kept = new WeakMap<ApiDocument, { readonly origin: string; readonly html: string }>();
  return new Hono<AppEnv>().get("/docs", (c) => {
    const document = documentFor(c.var.config);
    const origin = c.var.publicOrigin;
    const known = kept.get(document);
    if (known?.origin === origin) return c.html(known.html);
    const html = renderDocument(<DocsPage {...chrome(c)} document={document} origin={origin} />);
    kept.set(document, { origin, html });
    return c.html(html);
  });
}
