import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Account } from "./accounts.ts";
import { Authenticator, decodeQr } from "./authenticator.ts";
import type { Stage } from "./stage.ts";
import type { Visitor } from "./visitor.ts";

/** From the printed address to the page with the QR code: sign-in, and the first page of the wizard. */
export async function arriveAtWizard(visitor: Visitor, account: Account, site = "/"): Promise<void> {
  await visitor.open(site);
  assert.equal(visitor.pathname, "/api/auth/sign-in");
  await visitor.shows("Sign in");
  await visitor.signIn(account);
  assert.equal(visitor.pathname, "/api/auth/account/two-factor");
  await visitor.shows("Set up two-factor authentication");
  await visitor.press("Show me the QR code");
  await visitor.shows("Scan the QR code");
}

/** Points a phone's camera at the screen. What it reads must be what the page has for those who type. */
export async function scan(stage: Stage, visitor: Visitor, { username }: Account): Promise<Authenticator> {
  const uri = decodeQr(await stage.takePicture(visitor, `qr-${username}`));
  const typed = (await visitor.readManualKey()).replaceAll(" ", "");
  visitor.keepsSecret(uri, typed);

  assert.match(typed, /^[A-Z2-7]{32}$/);
  assert.equal(
    uri,
    `otpauth://totp/Sallyport:${username}?secret=${typed}&issuer=Sallyport&algorithm=SHA1&digits=6&period=30`,
  );
  return Authenticator.fromUri(uri);
}

/** The origin's page knows the visitor, from an assertion that it has verified. */
export async function assertKnownToOrigin(visitor: Visitor, account: Account, amr: string): Promise<void> {
  assert.equal(visitor.pathname, "/");
  await visitor.shows(`Hello, ${account.username}`);
  const facts = await visitor.readFacts();
  assert.equal(facts["Remote-User"], account.username);
  assert.equal(facts["Verified assertion"], "yes");
  assert.equal(facts.Name, account.username);
  assert.equal(facts["Signed in with (amr)"], amr);
}

/** Asks for the account, and passes both doors on the way there. */
export async function signInToAccount(visitor: Visitor, account: Account, code: string): Promise<void> {
  await visitor.open("/api/auth/account");
  await visitor.signIn(account);
  await (/^\d{6}$/.test(code) ? visitor.giveCode(code) : visitor.giveBackupCode(code));
  await visitor.shows("Your account");
}

/** By the origin's own link. Afterwards the site asks for a sign-in again. */
export async function signOut(visitor: Visitor): Promise<void> {
  await visitor.follow("Sign out");
  await visitor.shows("Sign out?");
  await visitor.press("Sign out");
  await visitor.shows("You are signed out");
  const left = await visitor.page.context().cookies();
  // It opens nothing: it says that this browser has signed in before.
  assert.deepEqual(
    left.map(({ name }) => name),
    ["__Host-sallyport-device"],
  );
  await visitor.open();
  assert.equal(visitor.pathname, "/api/auth/sign-in");
}

/** Copies, downloads and prints ten backup codes, by the script of the page. */
export async function saveBackupCodes(visitor: Visitor, codes: string[]): Promise<void> {
  const { page } = visitor;
  await visitor.button("Copy").click();
  await page.getByText("Copied.", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), codes.join("\n"));

  const downloading = page.waitForEvent("download");
  await visitor.button("Download").click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "localhost-backup-codes.txt");
  const saved = readFileSync(await download.path(), "utf8");
  assert.deepEqual(
    saved.split("\n").filter((line) => /^\S{4}-\S{4}$/.test(line)),
    codes,
  );
  assert.match(saved, /^Backup codes for Sallyport \(localhost:\d+\)\nEach works once\.\n/);

  await page.evaluate(() => {
    window.print = () => document.body.setAttribute("data-printed", "");
  });
  await visitor.button("Print").click();
  assert.equal(await page.locator("body[data-printed]").count(), 1);
}
