import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createAccount, createEnrolledAccount } from "./support/accounts.ts";
import {
  arriveAtWizard,
  assertKnownToOrigin,
  saveBackupCodes,
  scan,
  signInToAccount,
  signOut,
} from "./support/journey.ts";
import { Stage } from "./support/stage.ts";

const iPhone =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1";

describe("a visitor's way through both doors", () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(() => stage?.close());

  it("leads from the printed address through the wizard to the origin, and in again with a code", async () => {
    const account = stage.sallyport;
    await stage.visit(async (visitor) => {
      await arriveAtWizard(visitor, account);
      const phone = await scan(stage, visitor, account);
      await visitor.confirmApp(await phone.nextCode());
      await visitor.shows("Save your backup codes");
      await saveBackupCodes(visitor, await visitor.readBackupCodes());
      await visitor.follow("I have saved them: continue");
      await assertKnownToOrigin(visitor, account, "pwd, otp");

      await signOut(visitor);
      await visitor.signIn(account);
      await visitor.shows("Enter your code");
      await visitor.giveCode(await phone.nextCode());
      await assertKnownToOrigin(visitor, account, "pwd, otp");
      assert.equal(
        visitor.traffic.countPosts("/api/auth/second-factor"),
        1,
        "the sixth digit sends it, once",
      );
    });
  });

  it("works without JavaScript", async () => {
    const account = await createAccount(stage.sallyport, "noscript");
    await stage.visit(
      async (visitor) => {
        await arriveAtWizard(visitor, account);
        const phone = await scan(stage, visitor, account);
        await visitor.confirmApp(await phone.soonestCode());
        await visitor.shows("Save your backup codes");
        const codes = await visitor.readBackupCodes();
        for (const name of ["Copy", "Download", "Print"])
          assert.equal(await visitor.button(name).count(), 0, `${name} needs the script`);
        await visitor.follow("I have saved them: continue");
        await assertKnownToOrigin(visitor, account, "pwd, otp");

        await signOut(visitor);
        await visitor.signIn(account);
        await visitor.giveCode(await phone.soonestCode());
        await assertKnownToOrigin(visitor, account, "pwd, otp");

        await signOut(visitor);
        await visitor.signIn(account);
        await visitor.unfold("Use a backup code");
        await stage.inspect(visitor, "second-factor-noscript");
        await visitor
          .field("If your keyboard has only digits there, type the backup code here")
          .fill(codes[0] ?? "");
        await visitor.press("Continue with a backup code");
        await assertKnownToOrigin(visitor, account, "pwd, backup_code");
      },
      { javaScriptEnabled: false },
    );
  });

  it("BC-10 takes a backup code, in lower case and without its hyphen, once", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "backup");
    const [first = "", second = ""] = account.backupCodes;
    const typed = first.toLowerCase().replace("-", "");
    await stage.visit(async (visitor) => {
      await visitor.open();
      await visitor.signIn(account);
      await visitor.giveBackupCode(typed);
      await assertKnownToOrigin(visitor, account, "pwd, backup_code");

      await signOut(visitor);
      await visitor.signIn(account);
      await visitor.giveBackupCode(typed);
      await visitor.shows("Enter your code");
      assert.match(await visitor.error, /^This code is not accepted\./);
      await visitor.giveBackupCode(second);
      await assertKnownToOrigin(visitor, account, "pwd, backup_code");

      await visitor.follow("Account");
      await visitor.page.getByText("You have 8 unused backup codes").waitFor();
    });
  });

  it("comes back to the page that was asked for, with a code that is pasted in two groups", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "deep-link");
    await stage.visit(async (visitor) => {
      await visitor.open("/public/?from=a%20link&then=%2Fadmin%2F");
      await visitor.signIn(account);
      await visitor.pasteCode((await account.authenticator.soonestCode()).replace(/.../, "$& "));
      assert.equal(visitor.page.url(), `${stage.sallyport.baseUrl}/public/?from=a%20link&then=%2Fadmin%2F`);
      await visitor.shows("Public");
    });
  });

  it("BC-07 makes ten new backup codes in the account, and the old ones no longer work", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "codes");
    const [spent = "", old = ""] = account.backupCodes;
    await stage.visit(async (visitor) => {
      await signInToAccount(visitor, account, await account.authenticator.soonestCode());
      await visitor.fieldOf("Make ten new codes", "Code from your authenticator app").fill(spent);
      await visitor.press("Make ten new codes");
      await visitor.shows("Save your backup codes");
      const codes = await visitor.readBackupCodes();
      assert.deepEqual(
        codes.filter((code) => account.backupCodes.includes(code)),
        [],
      );
      await visitor.follow("I have saved them: to my account");
      await visitor.page.getByText("You have 10 unused backup codes").waitFor();

      await visitor.press("Sign out");
      await visitor.follow("Sign in again");
      await visitor.signIn(account);
      await visitor.giveBackupCode(old);
      assert.match(await visitor.error, /^This code is not accepted\./);
      await visitor.giveBackupCode(codes[0] ?? "");
      await assertKnownToOrigin(visitor, account, "pwd, backup_code");
    });
  });

  it("EN-10 switches two-factor authentication off in the account, with a code and the password", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "off");
    const [code = ""] = account.backupCodes;
    await stage.visit(async (visitor) => {
      await stage.visit(async (other) => {
        await signInToAccount(other, account, await account.authenticator.soonestCode());
        await signInToAccount(visitor, account, await account.authenticator.soonestCode());

        await visitor.unfold("Switch two-factor authentication off");
        await visitor.fieldOf("Switch off", "Code from your authenticator app").fill(code);
        await visitor.fieldOf("Switch off", "Password").fill("not the password");
        await visitor.press("Switch off");
        assert.match(await visitor.error, /password is wrong/);
        // The form is open again, and the code is still good.
        await visitor.fieldOf("Switch off", "Code from your authenticator app").fill(code);
        await visitor.fieldOf("Switch off", "Password").fill(account.password);
        await visitor.press("Switch off");
        await visitor.page.getByText("Two-factor authentication is off.", { exact: true }).waitFor();
        assert.equal(await visitor.link("Set up two-factor authentication").count(), 1);
        await stage.inspect(visitor, "account-off");

        await other.open("/api/auth/account");
        await other.shows("Sign in");
      });
      await visitor.open();
      await visitor.shows("Set up two-factor authentication");
    });
  });

  it("SE-10 ends another session, and all others, from the account", async () => {
    const account = await createEnrolledAccount(stage.sallyport, "sessions");
    const { backupCodes, authenticator } = account;
    const [first = ""] = backupCodes;
    await stage.visit(async (desk) => {
      await stage.visit(
        async (phone) => {
          await stage.visit(async (laptop) => {
            await signInToAccount(desk, account, await authenticator.soonestCode());
            await signInToAccount(phone, account, await authenticator.soonestCode());
            await signInToAccount(laptop, account, first);

            await desk.open("/api/auth/account");
            await stage.inspect(desk, "account-sessions");
            const listed = desk.page.getByRole("listitem").filter({ hasText: "Safari on iPhone" });
            await desk.go(() => listed.getByRole("button", { name: /^End session/ }).click());
            await desk.page.getByText("The session has been ended.", { exact: true }).waitFor();
            assert.equal(await listed.count(), 0);
            await phone.open("/api/auth/account");
            await phone.shows("Sign in");
            await laptop.open("/api/auth/account");
            await laptop.shows("Your account");

            await desk.press("End all other sessions");
            await desk.page.getByText("All other sessions have been ended.", { exact: true }).waitFor();
            assert.equal(await desk.button("End all other sessions").count(), 0);
            await laptop.open("/api/auth/account");
            await laptop.shows("Sign in");
            await desk.open();
            await assertKnownToOrigin(desk, account, "pwd, otp");
          });
        },
        { userAgent: iPhone },
      );
    });
  });
});
