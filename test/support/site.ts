import { Browser, type Page } from "./browser.ts";
import { advance } from "./clock.ts";
import { type FakeOrigin, gated, mockOrigin } from "./gate.ts";
import { collectLogLines } from "./log-lines.ts";
import { code, type EnrolledAccount } from "./worker.ts";

/** The environment of a gate in front of an origin that greets the visitor. `/pay` requires a second factor of the last 300 seconds. */
export const site = gated([{ path: "/pay", require: "second_factor", max_age: 300 }]);

export interface SiteUnderTest {
  readonly origin: FakeOrigin;
  /** The log lines of the Worker. */
  readonly logged: string[];
}

/** Mocks the origin, and collects the log lines. The test uses `useFreshWorker`, which restores both. */
export function openSite(): SiteUnderTest {
  const logged = collectLogLines();
  const origin = mockOrigin((request) => {
    const greeting = `<h1>Hello ${request.headers.get("Remote-User")}</h1>`;
    return new Response(greeting, { headers: { "Content-Type": "text/html" } });
  });
  return { origin, logged };
}

/** A browser after the first factor, on its way to `path`. */
export async function passFirstFactor(account: EnrolledAccount, path = "/reports?q=1"): Promise<Browser> {
  const browser = new Browser(site);
  await browser.open(path);
  await browser.signIn(account);
  return browser;
}

/** A browser after both factors. Spends the code of the current step, and advances the clock by a step. */
export async function passBothFactors(account: EnrolledAccount, path = "/"): Promise<Browser> {
  const browser = await passFirstFactor(account, path);
  const page = await browser.submit("/second-factor", { code: await code(account.secret) });
  if (page.heading !== `Hello ${account.username}`) throw new Error(`Not inside: ${page.text}`);
  advance(30);
  return browser;
}

/** The secret that the second page of the wizard shows as text. */
export function secretOn({ html }: Page): string {
  const groups = /<code class="secret">([A-Z2-7 ]+)<\/code>/.exec(html)?.[1];
  if (groups === undefined) throw new Error("There is no secret on this page");
  return groups.replaceAll(" ", "");
}

/** The backup codes that a page shows. */
export const backupCodesOn = ({ html }: Page): string[] =>
  [...html.matchAll(/<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/g)].map(([, text = ""]) => text);
