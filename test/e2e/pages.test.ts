import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createAccount, createEnrolledAccount, failToSignIn } from "./support/accounts.ts";
import { computeCode, decodeQr } from "./support/authenticator.ts";
import { assertKnownToOrigin, signOut } from "./support/journey.ts";
import { collectFlaws, describeFocus } from "./support/page-checks.ts";
import { Stage } from "./support/stage.ts";
import type { Visitor } from "./support/visitor.ts";

describe("the pages", () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage?.close());

  describe("by keyboard alone", () => {
    it("take password and backup code, and show where the focus is", async () => {
      const account = await createEnrolledAccount(stage.sallyport, "keyboard");
      await stage.visit(async (visitor) => {
        const { keyboard } = visitor.page;
        // Chromium gives the focus to an autofocus field after the load event, in its next frame.
        const focused = () => visitor.page.locator(":focus").waitFor();
        await visitor.open();
        await focused();
        assert.deepEqual(await tabStops(visitor), ["User name", "Password", "Sign in"]);
        await visitor.open();
        await focused();
        await keyboard.type(account.username);
        await keyboard.press("Tab");
        await keyboard.type(account.password);
        await visitor.go(() => keyboard.press("Enter"));

        await visitor.shows("Enter your code");
        const stops = ["Code", "Continue", "Use a backup code", "Cancel and use another account"];
        await focused();
        assert.deepEqual(await tabStops(visitor), stops);
        await visitor.go(() => visitor.page.reload());
        await focused();
        await keyboard.press("Tab");
        await keyboard.press("Tab");
        await keyboard.press("Enter");
        await visitor.page.getByText("Lost both?").waitFor();
        await stage.inspect(visitor, "second-factor-backup");
        await keyboard.press("Shift+Tab");
        await keyboard.press("Shift+Tab");
        await keyboard.type(account.backupCodes[0] ?? "");
        await visitor.go(() => keyboard.press("Enter"));
        await assertKnownToOrigin(visitor, account, "pwd, backup_code");
      });
    });

    it("take a code without JavaScript", async () => {
      const account = await createEnrolledAccount(stage.sallyport, "keyboard");
      await stage.visit(
        async (visitor) => {
          const { keyboard } = visitor.page;
          await visitor.open();
          await visitor.signIn(account);
          await visitor.page.locator(":focus").waitFor();
          await keyboard.type(await account.authenticator.soonestCode());
          await keyboard.press("Tab");
          assert.equal((await describeFocus(visitor.page))?.name, "Continue");
          await visitor.go(() => keyboard.press("Enter"));
          await assertKnownToOrigin(visitor, account, "pwd, otp");
        },
        { javaScriptEnabled: false },
      );
    });
  });

  describe("on narrow and wide screens, in light and dark", () => {
    it("have labels, one h1, contrast and room, from sign-in through the wizard to the account", async () => {
      const account = await createAccount(stage.sallyport, "looks");
      await stage.visit(async (visitor) => {
        await visitor.open("/api/auth/sign-in");
        await stage.inspect(visitor, "sign-in");
        await visitor.signIn({ ...account, password: "not the password" });
        await stage.inspect(visitor, "sign-in-wrong");
        await visitor.open("/api/auth/sign-in");
        await visitor.signIn(account);
        await stage.inspect(visitor, "setup-start");

        await visitor.press("Show me the QR code");
        const secret = (await visitor.readManualKey()).replaceAll(" ", "");
        const looks = await stage.inspect(visitor, "setup-scan");
        for (const picture of looks) assert.match(decodeQr(picture), new RegExp(`secret=${secret}&`));
        await visitor.confirmApp("000000");
        await stage.inspect(visitor, "setup-wrong");
        await visitor.confirmApp(computeCode(secret));
        await stage.inspect(visitor, "backup-codes");
        await visitor.follow("I have saved them: continue");
        await stage.inspect(visitor, "origin");

        await visitor.follow("Account");
        await visitor.unfold("Switch two-factor authentication off");
        await stage.inspect(visitor, "account");
        await visitor.fieldOf("Switch off", "Code from your authenticator app").fill("12");
        await visitor.fieldOf("Switch off", "Password").fill(account.password);
        await visitor.press("Switch off");
        await stage.inspect(visitor, "account-wrong");
        await visitor.follow("Replace authenticator app");
        await stage.inspect(visitor, "setup-replace");
        await visitor.open("/api/auth/second-factor");
        await stage.inspect(visitor, "step-up");
        assert.equal(await visitor.open("/api/auth/nothing"), 404);
        await stage.inspect(visitor, "not-found");
        await visitor.open("/api/auth/sign-out");
        await stage.inspect(visitor, "sign-out");
        await visitor.press("Sign out");
        await stage.inspect(visitor, "signed-out");
      });
    });
  });

  describe("about the API", () => {
    it("can be read folded up and unfolded", async () => {
      await stage.visit(async (visitor) => {
        await visitor.open("/api/auth/docs");
        await stage.inspect(visitor, "docs");
        await visitor.page.getByText("POST /v1/users/{id}/verify").click();
        await visitor.page.getByText('"receipt"').first().waitFor();
        await visitor.page.locator("details").evaluateAll((calls) => {
          for (const call of calls) call.setAttribute("open", "");
        });
        await stage.inspect(visitor, "docs-unfolded");
      });
    });
  });

  describe("of refusals say what is wrong and what helps", () => {
    it("after a wrong password, and keep the name", async () => {
      const account = await createAccount(stage.sallyport, "wrong-password");
      await stage.visit(async (visitor) => {
        await visitor.open();
        await visitor.signIn({ ...account, password: "not the password" });
        assert.match(await visitor.page.title(), /^Error: /);
        assert.equal(await visitor.error, "The user name or the password is wrong.");
        assert.equal(await visitor.field("User name").inputValue(), account.username);
        assert.equal(await visitor.field("Password").inputValue(), "");
        assert.equal((await describeFocus(visitor.page))?.name, "Password");
        await visitor.field("Password").fill(account.password);
        await visitor.go(() => visitor.button("Sign in").dblclick());
        await visitor.shows("Set up two-factor authentication");
        assert.equal(visitor.traffic.countPosts("/api/auth/sign-in"), 2, "two clicks send the form once");
      });
    });

    it("after too many wrong passwords, even with the right one", async () => {
      const account = await createAccount(stage.sallyport, "guessed");
      await failToSignIn(stage.sallyport, account, 10);
      await stage.visit(async (visitor) => {
        await visitor.open();
        await visitor.signIn(account);
        assert.match(
          await visitor.error,
          /^Too many attempts\. Try again in 1[45] minutes( \d+ seconds?)?\.$/,
        );
        await stage.inspect(visitor, "sign-in-blocked");
        assert.equal(await visitor.button("Sign in").isDisabled(), true);
      });
    });

    it("after wrong codes, then count down until the next one is taken", async () => {
      const account = await createEnrolledAccount(stage.sallyport, "wrong-code");
      await stage.visit(async (visitor) => {
        await visitor.page.clock.install();
        await visitor.open();
        await visitor.signIn(account);
        await stage.inspect(visitor, "second-factor");
        for (let count = 1; count <= 5; count++) {
          await visitor.giveCode(account.authenticator.wrongCode());
          assert.equal(
            await visitor.error,
            "This code is not accepted. Each code works once: try the next one.",
          );
        }
        await stage.inspect(visitor, "second-factor-wrong");
        await visitor.giveCode(account.authenticator.wrongCode());
        assert.match(await visitor.error, /^Too many attempts\. Try again in (1 minute|[56]\d seconds)\.$/);
        await stage.inspect(visitor, "second-factor-blocked");
        assert.equal(await visitor.button("Continue").isDisabled(), true);
        await visitor.page.clock.fastForward(61_000);
        assert.equal(await visitor.error, "You can try again now.");
        assert.equal(await visitor.button("Continue").isDisabled(), false);
      });
    });

    it("OTP-09 after a code that was used before, and then ask for the password again", async () => {
      const account = await createEnrolledAccount(stage.sallyport, "used-code");
      await stage.visit(async (visitor) => {
        await visitor.open();
        await visitor.signIn(account);
        await visitor.giveCode(await account.authenticator.soonestCode());
        await assertKnownToOrigin(visitor, account, "pwd, otp");

        await signOut(visitor);
        await visitor.signIn(account);
        for (let count = 1; count <= 5; count++) {
          await visitor.giveCode(account.authenticator.lastCode());
          assert.equal(
            await visitor.error,
            "This code is not accepted. Each code works once: try the next one.",
          );
        }
        await visitor.giveCode(account.authenticator.lastCode());
        await visitor.shows("Sign in");
        await stage.inspect(visitor, "sign-in-start-over");
        assert.equal(await visitor.error, "Too many wrong codes. Sign in again.");
        await visitor.signIn(account);
        await visitor.giveCode(await account.authenticator.soonestCode());
        await assertKnownToOrigin(visitor, account, "pwd, otp");
      });
    });

    it("after what is no code", async () => {
      const account = await createEnrolledAccount(stage.sallyport, "no-code");
      await stage.visit(async (visitor) => {
        await visitor.open();
        await visitor.signIn(account);
        await visitor.field("Code").fill("12345");
        await visitor.press("Continue");
        assert.match(
          await visitor.error,
          /^Type the six digits that your app shows, or a backup code such as /,
        );
      });
    });
  });

  it("warn when the clock of the device is off", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "clock");
    await stage.visit(async (visitor) => {
      await visitor.page.addInitScript(() => {
        const now = Date.now;
        Date.now = () => now() + 5 * 60_000;
      });
      await visitor.open();
      await visitor.signIn(account);
      await visitor.page.getByText("This device’s clock is off by about 5 minutes.").waitFor();
    });
  });

  describe("are watched by checks that", () => {
    it("notice an inline script, another host, a missing file and a secret in an address", async () => {
      const visitor = await stage.arrive();
      try {
        const { baseUrl, originPort } = stage.sallyport;
        visitor.keepsSecret("T0LD");
        await visitor.open("/api/auth/sign-in?rd=/%74%30ld");
        await visitor.page.evaluate(() => {
          const [inline, missing] = [document.createElement("script"), document.createElement("script")];
          inline.textContent = "document.title = 'run'";
          missing.src = "/api/auth/assets/missing.js";
          document.head.append(inline, missing);
          return new Promise((resolve) => missing.addEventListener("error", resolve));
        });
        await visitor.page.goto(`http://127.0.0.1:${originPort}/public/`);
        const flaws = (await visitor.findFlaws()).join("\n");
        assert.match(flaws, /inline script violates .* Content Security Policy/);
        assert.match(flaws, /status of 404 .*missing\.js/);
        assert.ok(flaws.includes(`asked another host: http://127.0.0.1:${originPort}/public/`));
        assert.ok(flaws.includes(`a secret in an address: ${baseUrl}/api/auth/sign-in?rd=/%74%30ld`));
      } finally {
        await visitor.leave();
      }
    });

    it("notice a page that is hard to read or to use", async () => {
      const visitor = await stage.arrive({ viewport: { width: 320, height: 600 } });
      try {
        await visitor.page.setContent(`<title> </title><body style="background: #fff; color: #777">
          <h1>One</h1><h1>Two</h1><h3>Three</h3><p style="width: 500px">too wide, and too pale</p>
          <input name="nameless" style="border: 1px solid #ccc"><button style="height: 9px"></button>`);
        const flaws = (await visitor.page.evaluate(collectFlaws)).join("\n");
        for (const flaw of [
          "no language",
          "no title",
          "2 h1",
          "0 main",
          "a heading of level 3 after 1",
          "no label: nameless",
          "no name: <button",
          "scrolls sideways: ",
          "sticks out: <p> too wide",
          "9 px to press: <button>",
          "contrast 4.48: <p> too wide",
          "contrast of a border 1.61: ",
        ])
          assert.ok(flaws.includes(flaw), `${flaw} is among\n${flaws}`);
      } finally {
        await visitor.leave();
      }
    });
  });
});

/** The names of all that Tab stops at, from where the focus is. Every one must show that it has the focus. */
async function tabStops({ page }: Visitor): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const focus = await describeFocus(page);
    if (focus === null || names.includes(focus.name)) return names;
    assert.ok(focus.isShown, `${focus.name} shows that it has the focus`);
    names.push(focus.name);
    await page.keyboard.press("Tab");
  }
}
