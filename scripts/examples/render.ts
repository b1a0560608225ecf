import { caddySnippets } from "./caddy.ts";
import { clearedHeadersPage } from "./cleared-headers-page.ts";
import { withGeneratedBlock } from "./generated-block.ts";
import { haproxyRules } from "./haproxy.ts";
import { nginxClearedHeaders, nginxMaps } from "./nginx.ts";
import { traefikClearing, traefikTokenRule } from "./traefik.ts";

/** A generated file, and its expected content. */
export interface Example {
  /** Relative to `examples/`. */
  readonly path: string;
  /** @param current the content now, or "" */
  readonly render: (current: string) => string;
}

/** The files that are generated, or have a generated part (INC-35). */
export const examples: readonly Example[] = [
  { path: "nginx/sallyport-cleared.conf", render: nginxClearedHeaders },
  { path: "nginx/sallyport-maps.conf", render: nginxMaps },
  { path: "caddy/sallyport-generated.caddy", render: caddySnippets },
  {
    path: "haproxy/haproxy.cfg",
    render: (current) => withGeneratedBlock(current, "patterns", haproxyRules),
  },
  {
    path: "traefik/dynamic.yml",
    render: (current) =>
      withGeneratedBlock(
        withGeneratedBlock(current, "cleared headers", traefikClearing),
        "tokens of Sallyport",
        traefikTokenRule,
      ),
  },
  { path: "../docs/proxies/cleared-headers.md", render: clearedHeadersPage },
];
