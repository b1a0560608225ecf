import { createHash } from "node:crypto";

const style = `
:root { color-scheme: light dark; --ink: #1c2330; --muted: #5b6472; --paper: #f6f5f1; --card: #fff; --line: #d9d6cd; --good: #14633b; --bad: #a3261c; --link: #1a4fa3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --muted: #a3abb8; --paper: #14171d; --card: #1d2129; --line: #343a45; --good: #6fd39a; --bad: #ff9a8d; --link: #8fb8ff }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
header, main { max-width: 40rem; margin: 0 auto }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
a { color: var(--link) }
main { margin-top: 1rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0 }
dt { color: var(--muted) }
dd { margin: 0; overflow-wrap: anywhere }
.yes { color: var(--good); font-weight: 600 }
.no { color: var(--bad); font-weight: 600 }
@media (max-width: 24rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
`;

const styleHash = createHash("sha256").update(style).digest("base64");

/** Allows the one style sheet of `renderPage` and nothing else. */
export const contentSecurityPolicy = `default-src 'none'; img-src data:; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`;

/** Renders a page with the site's navigation. `main` is HTML; `base` is the base path of Sallyport's pages. */
export function renderPage(title: string, main: string, base: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)} · Demo origin</title>
<style>${style}</style>
</head>
<body>
<header><nav aria-label="Site">
<a href="/">Home</a> <a href="/public/">Public</a> <a href="/admin/">Admin</a> <a href="/headers">Headers</a>
<a href="${base}/account">Account</a> <a href="${base}/sign-out">Sign out</a>
</nav></header>
<main>
<h1>${escapeHtml(title)}</h1>
${main}
</main>
</body>
</html>
`;
}

/** Renders a list of names and values. A value in `html` is not escaped. */
export function renderFacts(facts: Array<[name: string, value: string | { html: string }]>): string {
  const rows = facts.map(([name, value]) => {
    const shown = typeof value === "string" ? escapeHtml(value) : value.html;
    return `<dt>${escapeHtml(name)}</dt><dd>${shown}</dd>`;
  });
  return `<dl>${rows.join("")}</dl>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
