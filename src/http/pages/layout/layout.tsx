import type { Child } from "hono/jsx";
import type { HtmlEscapedString } from "hono/utils/html";

/** What every page gets: where the Worker lives and whose name is on the door. */
export interface PageProps {
  /** `BASE_PATH`, without a trailing slash. */
  base: string;
  /** `ISSUER`, as authenticator apps show it. */
  issuer: string;
}

interface LayoutProps extends PageProps {
  title: string;
  /** Says "Error" first in the title, which is the first thing a screen reader reads of a page. */
  error?: boolean | undefined;
  /** For pages that are more than one form. */
  wide?: boolean | undefined;
  /** Where the browser goes on by itself. */
  goesOnTo?: string | undefined;
  children?: Child;
}

/**
 * The mark below, in the colours of the light theme. In the page, because browsers ask for `/favicon.ico` otherwise:
 * that path is the site's, and behind the gate.
 */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="10" fill="#0b5a69"/>' +
    '<path d="M10 31V19a10 10 0 0 1 20 0v12M7 31h26" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/>' +
    '<path d="M16 31V20a4 4 0 0 1 8 0v11z" fill="#fff"/></svg>',
)}`;

/** The whole HTML document around one page. Pass it to `renderDocument`, which adds the doctype. */
export function Layout({ base, issuer, title, error, wide, goesOnTo, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${error ? "Error: " : ""}${title} · ${issuer}`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        {goesOnTo === undefined ? null : <meta http-equiv="refresh" content={`0; url=${goesOnTo}`} />}
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={`${base}/assets/sallyport.css`} />
        <script type="module" src={`${base}/assets/sallyport.js`} />
      </head>
      <body>
        <div class={wide ? "page page-wide" : "page"}>
          <header class="brand">
            <Mark />
            <span class="brand-name">{issuer}</span>
          </header>
          <main class="card">{children}</main>
        </div>
      </body>
    </html>
  );
}

/** A page as text, with the doctype that JSX cannot write. Throws for an async component: pages do no I/O. */
export function renderDocument(page: HtmlEscapedString | Promise<HtmlEscapedString>): string {
  const html = page.toString();
  if (typeof html !== "string") throw new Error("A page component is async. Fetch first, then render.");
  return `<!doctype html>${html}`;
}

interface NoticeProps {
  kind: "error" | "info" | "success" | "warning";
  id?: string | undefined;
  children?: Child;
}

/** A boxed message. Give it an `id` and name that in the `aria-describedby` of the field it is about. */
export function Notice({ kind, id, children }: NoticeProps) {
  const role = kind === "error" ? "alert" : kind === "success" ? "status" : undefined;
  return (
    <div class={`notice notice-${kind}`} id={id} role={role}>
      {children}
    </div>
  );
}

/** Two doors in a row. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
      <rect class="mark-wall" width="40" height="40" rx="10" />
      <path class="mark-outer" d="M10 31V19a10 10 0 0 1 20 0v12" />
      <path class="mark-inner" d="M16 31V20a4 4 0 0 1 8 0v11z" />
      <path class="mark-outer" d="M7 31h26" />
    </svg>
  );
}
