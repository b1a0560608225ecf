import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Difference } from "./difference.ts";
import { differences } from "./differences.ts";
import { exchangeGroups, exchanges } from "./table.ts";

/** The page that `node scripts/fidelity-page.ts` writes. */
export const fidelityPagePath = fileURLToPath(new URL("../../../docs/fidelity.md", import.meta.url));

export const readFidelityPage = (): string => readFileSync(fidelityPagePath, "utf8");

const causes: Record<Difference["cause"], string> = {
  identity: "sign-in",
  protection: "protection",
  host: "host",
  platform: "platform",
  nginx: "nginx",
};

const headings: Record<Difference["of"], string> = {
  request: "What the origin gets",
  response: "What the client gets",
  WebSocket: "WebSockets",
};

/** Returns docs/fidelity.md, made from the documented differences and from the table of exchanges. */
export function renderFidelityPage(): string {
  const counts = exchangeGroups.map(({ name, exchanges: { length } }) => `${name} (${length})`);
  return `# What Sallyport changes in requests and responses

This page lists every difference that Sallyport makes between what a client sends and what the site gets, and the reverse. Everything else passes unchanged,
byte for byte. This holds for Sallyport and the Workers runtime (workerd). Cloudflare's network, and \`npx wrangler dev\` and \`npm start\` on your machine, also replace \`Accept-Encoding\` (with \`br, gzip\`), and can compress the
response for the visitor.

\`node scripts/fidelity-page.ts\` writes this page from the data of [the test](../test/e2e/fidelity.test.ts), so do not edit it.

The test makes ${exchanges.length} exchanges: ${counts.join(", ")}. It makes each of them directly, through the gate, and through nginx with the files of
[examples/nginx](proxies/nginx.md), with a fresh session, and with one that is older than \`SESSION_RECHECK\`, whose cookie Sallyport renews. It compares the bytes that the origin and the client get with those of
the direct exchange. It fails for a difference that is not on this page, and for one that is on this page and does not occur.
The visitor has signed in. A request that the policy does not allow does not reach the origin at all.

The column "cause" says why something differs:

| cause | meaning |
|---|---|
| sign-in | Sallyport tells the site which visitor has signed in, or keeps the visitor signed in |
| protection | without the difference a request could get around the policy |
| host | the site and its visitors know the site by different hosts |
| platform | the Workers runtime (behind nginx: also nginx) cannot do otherwise. The meaning of the message stays the same, unless the row says more |
| nginx | nginx does this without Sallyport, too |

${section("At the gate and behind nginx", ({ at }) => at.length === 2)}

${section("At the gate", ({ at }) => at.length === 1 && at[0] === "gate")}

${section("Behind nginx", ({ at }) => at.length === 1 && at[0] === "nginx")}
`;
}

function section(title: string, isIn: (difference: Difference) => boolean): string {
  const here = differences.filter(isIn);
  const parts = (Object.keys(headings) as Difference["of"][]).flatMap((of) => {
    const rows = here.filter((difference) => difference.of === of).map(renderRow);
    return rows.length === 0
      ? []
      : [`**${headings[of]}**\n\n| difference | reason | cause |\n|---|---|---|\n${rows.join("\n")}`];
  });
  return [`## ${title}`, ...parts].join("\n\n");
}

const renderRow = ({ id, what, why, cause }: Difference) =>
  `| <a id="${id}"></a>${escapeCell(what)} | ${escapeCell(why)} | ${causes[cause]} |`;

const escapeCell = (text: string) => text.replaceAll("|", "\\|");
