import type { Child } from "hono/jsx";
import type { HtmlEscapedString } from "hono/utils/html";

/** The properties of every page. */
export interface PageProps {
  /** `BASE_PATH`, without a trailing slash. */
  base: string;
  /** `ISSUER`, as authenticator apps show it. */
  issuer: string;
}

interface LayoutProps extends PageProps {
  title: string;
  /** Puts "Error" first in the title, because screen readers read the title first. */
  error?: boolean | undefined;
  /** Makes the page wider, for pages with more than one form. */
  wide?: boolean | undefined;
  /** The browser redirects itself to this address at once. */
  redirectTo?: string | undefined;
  children?: Child;
}

/**
 * The logo below, in the colours of the light theme, as a data URI. Without it browsers would request `/favicon.ico`, which
 * is a path of the site behind the gate.
 */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="10" fill="#0b5a69"/>' +
    '<path d="M10 31V19a10 10 0 0 1 20 0v12M7 31h26" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/>' +
    '<path d="M16 31V20a4 4 0 0 1 8 0v11z" fill="#fff"/></svg>',
)}`;

/** The whole HTML document around one page. Pass it to `renderHtmlDocument`, which adds the doctype. */
export function Layout({ base, issuer, title, error, wide, redirectTo, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${error ? "Error: " : ""}${title} · ${issuer}`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        {redirectTo === undefined ? null : <meta http-equiv="refresh" content={`0; url=${redirectTo}`} />}
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={`${base}/assets/sallyport.css`} />
        <script type="module" src={`${base}/assets/sallyport.js`} />
      </head>
      <body>
        <div class={wide ? "page page-wide" : "page"}>
          <header class="brand">
            <Logo />
            <span class="brand-name">{issuer}</span>
          </header>
          <main class="card">{children}</main>
        </div>
      </body>
    </html>
  );
}

/** Renders a page with its doctype, which JSX cannot express. Throws for an async component, because pages must do no I/O. */
export function renderHtmlDocument(page: HtmlEscapedString | Promise<HtmlEscapedString>): string {
  const html = page.toString();
  if (typeof html !== "string") throw new Error("A page component is async. Fetch first, then render.");
  return `<!doctype html>${html}`;
}

interface NoticeProps {
  kind: "error" | "info" | "success" | "warning";
  id?: string | undefined;
  children?: Child;
}

/** A message in a box. The field that it is about names its `id` in `aria-describedby`. */
export function Notice({ kind, id, children }: NoticeProps) {
  const role = kind === "error" ? "alert" : kind === "success" ? "status" : undefined;
  return (
    <div class={`notice notice-${kind}`} id={id} role={role}>
      {children}
    </div>
  );
}

/** The logo: an arch within an arch. */
function Logo() {
  return (
    <svg class="mark" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
      <rect class="mark-wall" width="40" height="40" rx="10" />
      <path class="mark-outer" d="M10 31V19a10 10 0 0 1 20 0v12" />
      <path class="mark-inner" d="M16 31V20a4 4 0 0 1 8 0v11z" />
      <path class="mark-outer" d="M7 31h26" />
    </svg>
  );
}
