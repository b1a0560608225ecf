/**
 * `FIRST_FACTOR=origin` in front of a single-page application that keeps its token in the browser's storage, with `assets/site.js`, in
 * Chromium: from the application's sign-in through the second factor to its data (docs/first-factor.md, "A site whose scripts keep a token").
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { Authenticator } from "./support/authenticator.ts";
import { launchBrowser } from "./support/browser.ts";
import { findFreePorts } from "./support/processes.ts";
import { startTokenSite, type TokenSite } from "./support/token-site.ts";
import { Visitor } from "./support/visitor.ts";
import { startWorker, type Worker } from "./support/worker.ts";

let browser: Browser;
let site: TokenSite;
let worker: Worker;
let authenticator: Authenticator;

before(async () => {
  const [port = 0] = await findFreePorts(1);
  browser = await launchBrowser();
  site = await startTokenSite(port);
  worker = await startWorker({
    ORIGIN_URL: site.url,
    FIRST_FACTOR: "origin",
    WHOAMI_URL: "/me",
    WHOAMI_USER: "json:/name",
    ORIGIN_COOKIES: "none",
  });
});
after(async () => {
  await browser?.close();
  await worker?.stop();
  await site?.stop();
});

const status = (visitor: Visitor) => visitor.page.getByRole("status");

async function arriveSignedInAtSite(path: string): Promise<Visitor> {
  const visitor = await Visitor.arrive(browser, worker);
  await visitor.open(path);
  await visitor.button("Sign in").click();
  await status(visitor).getByText("signed in").waitFor();
  return visitor;
}

/** Loads the data, which the application shows in its page. */
async function loads(visitor: Visitor, button: string): Promise<void> {
  await visitor.button(button).click();
  await status(visitor).getByText("200 hello alice").waitFor();
}

describe("a single-page application with its token in the browser's storage", () => {
  it("leads to the set-up when a script is refused, and back to the same page with its fragment", async () => {
    const visitor = await arriveSignedInAtSite("/notes?list=2#today");
    await visitor.go(() => visitor.button("Load by fetch").click());
    assert.equal(visitor.pathname, "/api/auth/account/two-factor");
    await visitor.press("Show me the QR code");
    authenticator = new Authenticator((await visitor.readManualKey()).replaceAll(" ", ""));
    await visitor.confirmApp(await authenticator.soonestCode());
    await visitor.follow("I have saved them: continue");
    assert.equal(visitor.page.url(), `${worker.baseUrl}/notes?list=2#today`);
    await loads(visitor, "Load by fetch");
    await loads(visitor, "Load by XMLHttpRequest");
  });

  for (const button of ["Load by fetch", "Load by XMLHttpRequest"])
    it(`asks a visitor with another token for a code, and the application sees no refusal: ${button}`, async () => {
      const visitor = await arriveSignedInAtSite("/#a");
      await visitor.go(() => visitor.button(button).click());
      assert.equal(visitor.pathname, "/api/auth/second-factor");
      await visitor.giveCode(await authenticator.soonestCode());
      assert.equal(visitor.page.url(), `${worker.baseUrl}/#a`);
      await loads(visitor, button);
    });

  for (const button of ["Load by fetch", "Load by XMLHttpRequest"])
    it(`leaves a refusal to the application when Sallyport does not take the hand-over: ${button}`, async () => {
      const visitor = await arriveSignedInAtSite("/#c");
      await visitor.page.route("**/hand-over", (route) => route.fulfill({ status: 503 }));
      await visitor.button(button).click();
      await status(visitor).getByText(/^401 /).waitFor();
    });

  for (const member of ["hand_over", "sign_in"])
    it(`hands nothing over to another host that a refusal of the site names in ${member}`, async () => {
      const visitor = await arriveSignedInAtSite("/#d");
      const elsewhere: string[] = [];
      visitor.page.on("request", (request) => {
        if (!request.url().startsWith(worker.baseUrl)) elsewhere.push(request.url());
      });
      const refusal = { hand_over: "/ok", sign_in: "/ok", [member]: "/\t/127.0.0.1:9/taken" };
      await visitor.page.route("**/ok", (route) => route.fulfill({ status: 200 }));
      await visitor.page.route("**/data*", (route) =>
        route.fulfill({
          status: 401,
          contentType: "application/problem+json",
          body: JSON.stringify(refusal),
        }),
      );
      await visitor.button("Load by fetch").click();
      await status(visitor).getByText(/^401 /).waitFor();
      assert.deepEqual(elsewhere, []);
    });

  it("leaves a refusal to the application when the browser does not keep the cookie of the session", async () => {
    const visitor = await arriveSignedInAtSite("/#b");
    await visitor.go(() => visitor.button("Load by fetch").click());
    await visitor.page.context().clearCookies();
    await visitor.open("/#b");
    await visitor.button("Load by fetch").click();
    await status(visitor)
      .getByText(/^401 .*"hand_over":"\/api\/auth\/hand-over"/)
      .waitFor();
  });
});
