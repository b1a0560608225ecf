import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Authenticator, decodeQr } from "./support/authenticator.ts";
import { launchBrowser, newVisitor } from "./support/browser.ts";
import { serveRedirectingForm } from "./support/redirecting-form.ts";
import { Shop } from "./support/shop.ts";
import { Stage } from "./support/stage.ts";
import type { Visitor } from "./support/visitor.ts";

describe("a hosted challenge in a browser", () => {
  let stage: Stage;
  let shop: Shop;
  before(async () => {
    stage = await Stage.open();
    shop = await Shop.open(stage.sallyport);
  });
  after(async () => {
    await shop?.close();
    await stage?.close();
  });

  const customer = (act: (visitor: Visitor) => Promise<void>, javaScriptEnabled = true) =>
    stage.visit(
      async (visitor) => {
        visitor.traffic.mayAsk(shop.origin);
        await act(visitor);
      },
      { javaScriptEnabled },
    );

  /** A user of the shop, with a phone. */
  async function createCustomer(id: string): Promise<Authenticator> {
    await shop.call("PUT", `/v1/users/${id}`, {});
    const started = await shop.call("POST", `/v1/users/${id}/totp`, {});
    const authenticator = Authenticator.fromUri(String(started.provisioning_uri));
    const code = await authenticator.soonestCode();
    await shop.call("POST", `/v1/users/${id}/totp/confirm`, { code });
    return authenticator;
  }

  const ways = [
    ["with JavaScript", true],
    ["without JavaScript", false],
  ] as const;

  for (const [way, javaScriptEnabled] of ways) {
    it(`leads from the shop to the code and back with a receipt, ${way}`, async () => {
      const id = `code-${javaScriptEnabled}`;
      const authenticator = await createCustomer(id);
      await customer(async (visitor) => {
        await visitor.page.goto(shop.orderAddress(id));
        assert.equal(visitor.pathname, "/api/auth/second-factor");
        await visitor.shows("Confirm with your code");
        assert.equal((await visitor.readFacts()).Account, id);
        await visitor.giveCode(authenticator.wrongCode());
        assert.match(await visitor.error, /^This code is not accepted\./);
        await visitor.sendCode(await authenticator.soonestCode());
        await arriveAtShop(visitor, "Order confirmed");
        const { receipt } = shop.returns.at(-1) ?? {};
        assert.deepEqual([receipt?.sub, receipt?.amr], [id, ["otp"]]);
        assert.deepEqual(await visitor.page.context().cookies(), [], "nothing stays behind");
      }, javaScriptEnabled);
    });

    it(`sets the second factor up for who has none, and comes back with a receipt, ${way}`, async () => {
      const id = `setup-${javaScriptEnabled}`;
      await shop.call("PUT", `/v1/users/${id}`, {});
      await customer(async (visitor) => {
        await visitor.page.goto(shop.orderAddress(id));
        assert.equal(visitor.pathname, "/api/auth/account/two-factor");
        await visitor.shows("Set up two-factor authentication");
        await visitor.press("Show me the QR code");
        const uri = decodeQr(await stage.takePicture(visitor, `qr-${id}`));
        const phone = Authenticator.fromUri(uri);
        visitor.keepsSecret(uri, phone.secret);
        await visitor.confirmApp(phone.wrongCode());
        assert.match(await visitor.error, /^This code is not accepted\./);
        await visitor.confirmApp(await phone.soonestCode());
        await visitor.shows("Save your backup codes");
        await visitor.readBackupCodes();
        await visitor.link(`I have saved them: continue to ${new URL(shop.origin).host}`).click();
        await arriveAtShop(visitor, "Order confirmed");
        const { receipt } = shop.returns.at(-1) ?? {};
        assert.deepEqual([receipt?.sub, receipt?.amr], [id, ["otp"]]);

        await visitor.page.goto(shop.orderAddress(id));
        await visitor.shows("Confirm with your code");
        await visitor.sendCode(await phone.soonestCode());
        await arriveAtShop(visitor, "Order confirmed");
      }, javaScriptEnabled);
    });
  }

  it("hands its receipt out once: who goes back finds that it is over", async () => {
    const authenticator = await createCustomer("backwards");
    await customer(async (visitor) => {
      await visitor.page.goto(shop.orderAddress("backwards"));
      await visitor.sendCode(await authenticator.soonestCode());
      await arriveAtShop(visitor, "Order confirmed");
      const before = shop.returns.length;
      await visitor.page.goBack();
      assert.equal(visitor.pathname, "/api/auth/second-factor");
      await visitor.shows("This confirmation has ended");
      assert.equal(shop.returns.length, before);
    });
  });

  it("comes back without a receipt for who cancels", async () => {
    await createCustomer("canceller");
    await customer(async (visitor) => {
      await visitor.page.goto(shop.orderAddress("canceller"));
      await visitor.link(`Cancel and go back to ${new URL(shop.origin).host}`).click();
      await arriveAtShop(visitor, "Order cancelled");
    });
  });

  it("is opened by who follows the link, and not by a browser that loads it before", async () => {
    const authenticator = await createCustomer("early");
    // Not as a customer: the browser complains of what it was refused beforehand.
    const visitor = await stage.arrive();
    try {
      const refused = Promise.all(
        ["prefetch", "speculation"].map(() =>
          visitor.page.waitForResponse((response) => response.status() === 403),
        ),
      );
      await visitor.page.goto(shop.offerAddress("early"));
      await refused;
      await visitor.link("Order").click();
      await visitor.page.waitForURL((url) => url.pathname === "/api/auth/second-factor");
      await visitor.sendCode(await authenticator.soonestCode());
      await arriveAtShop(visitor, "Order confirmed");
    } finally {
      await visitor.leave();
    }
  });

  it("opens in one browser, and there as often as somebody reloads it", async () => {
    await createCustomer("opener");
    await customer(async (visitor) => {
      let address = "";
      visitor.page.on("request", (request) => {
        if (request.url().includes("/challenge/")) address = request.url();
      });
      await visitor.page.goto(shop.orderAddress("opener"));
      await visitor.page.goto(address);
      await visitor.shows("Confirm with your code");
      await customer(async (other) => {
        const response = await other.page.goto(address);
        assert.equal(response?.status(), 410);
        await other.shows("This confirmation has ended");
        await stage.inspect(other, "challenge-over");
        await other.link(`Go back to ${new URL(shop.origin).host}`).click();
        await arriveAtShop(other, "Order cancelled");
      });
    });
  });

  it("can be read and used, on narrow and on wide screens, in light and in dark", async () => {
    const authenticator = await createCustomer("reader");
    await customer(async (visitor) => {
      await visitor.page.goto(shop.orderAddress("reader"));
      await stage.inspect(visitor, "challenge-code");
      await visitor.giveCode(authenticator.wrongCode());
      await stage.inspect(visitor, "challenge-wrong");
      await visitor.page.goto(shop.orderAddress("reader", "x".repeat(120)));
      await stage.inspect(visitor, "challenge-long");

      await shop.call("PUT", "/v1/users/newcomer", {});
      await visitor.page.goto(shop.orderAddress("newcomer"));
      await stage.inspect(visitor, "challenge-setup");
      await visitor.press("Show me the QR code");
      await stage.inspect(visitor, "challenge-scan");
      await visitor.confirmApp("000000");
      await stage.inspect(visitor, "challenge-confirm");
    });

    const visitor = await stage.arrive();
    try {
      await visitor.page.goto(shop.orderAddress("reader"));
      // The way there is stopped, so that the page which leads there can be looked at.
      await visitor.page.route(`${shop.origin}/**`, (route) => route.abort("aborted"));
      await visitor.sendCode(await authenticator.soonestCode());
      await visitor.page.getByRole("heading", { name: "Confirmed" }).waitFor();
      await stage.inspect(visitor, "challenge-confirmed");
    } finally {
      await visitor.leave();
    }
  });
});

async function arriveAtShop(visitor: Visitor, heading: string): Promise<void> {
  await visitor.page.waitForURL((url) => url.pathname === "/confirmed");
  await visitor.shows(heading);
}

describe("a form behind form-action 'self'", () => {
  it("is led to no other origin by redirects, and by a page that goes on by itself it is", async () => {
    const browser = await launchBrowser();
    const site = await serveRedirectingForm();
    try {
      for (const [button, arrives] of [
        ["Redirect", false],
        ["Redirect to a redirect", false],
        ["Answer with a page", true],
      ] as const) {
        const complaints: string[] = [];
        const page = await newVisitor(browser);
        page.on("console", (message) => complaints.push(message.text()));
        await page.goto(site.address);
        const outcome = arrives ? page.waitForURL(`${site.elsewhere}/`) : page.waitForEvent("console");
        await page.getByRole("button", { name: button, exact: true }).click();
        await outcome;
        assert.equal(
          complaints.some((text) => /violates .*form-action 'self'/s.test(text)),
          !arrives,
          `${button}: ${complaints}`,
        );
        assert.equal(site.arrivals(), arrives ? 1 : 0, button);
      }
    } finally {
      await site.close();
      await browser.close();
    }
  });
});
