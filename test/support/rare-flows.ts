import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { createReadyAccount, fullToken } from "./accounts.ts";
import { runScheduled } from "./all-flows.ts";
import { createRealm, enrolBackendUser, repeatable } from "./backend.ts";
import { askForSetup, receiptOn, shopUrls, step } from "./challenges.ts";
import { stopClock } from "./clock.ts";
import { cheapHash } from "./fault-world.ts";
import { proxyKey } from "./forward-auth.ts";
import { gated, mockOrigin, pageLoad, visit } from "./gate.ts";
import { randomKey } from "./keyring.ts";
import { Browser } from "./origin-site.ts";
import { query } from "./rows.ts";
import { secretOn } from "./site.ts";
import { holdTime, passTime } from "./sockets.ts";
import { deviceOf, home } from "./throttles.ts";
import { makeUnclaimed } from "./unclaimed.ts";
import { type Account, base, Client, code, type EnrolledAccount } from "./worker.ts";

/** Uses the rare flows that neither `useAllFlows` nor `useAllServices` covers. */
export async function useRareFlows(): Promise<void> {
  const account = await createReadyAccount("judy");
  await signInFromKnownDevice(account);
  await useBackupCodes(account);
  await haveOldPasswordHash(account);
  await holdSocket(await fullToken(account));
  await arriveFromProxy();
  await arriveByCanonicalName();
  await claimAccount();
  await arriveWithPendingSession();
  await comeBackForReceipt();
  await askDuringCoolDown();
  await resealUnconfirmed();
}

async function signInFromKnownDevice({ username }: Account): Promise<void> {
  const headers = { Cookie: `__Host-sallyport-device=${await deviceOf(username)}` };
  for (let i = 0; i < 2; i++)
    await new Client().login({ username, password: "wrong" }, { address: home, headers });
}

/** Uses backup codes where most visitors use TOTP codes. */
async function useBackupCodes(account: EnrolledAccount): Promise<void> {
  const token = await fullToken(account);
  const [first, second] = account.backupCodes;
  await new Client().post("/step-up", { code: first }, { token });
  const { password } = account;
  const answer = await new Client().post("/totp/disable", { code: second, password }, { token });
  if (answer.status !== 200) throw new Error(`POST /totp/disable: ${answer.text}`);
  await query("DELETE FROM users WHERE id = ?", account.id);
  await createReadyAccount(account.username);
}

/** A hash with other parameters is replaced at the next sign-in. */
async function haveOldPasswordHash({ id, username, password }: Account): Promise<void> {
  await query("UPDATE users SET password_hash = ? WHERE id = ?", await cheapHash(password), id);
  await new Client().login({ username, password });
}

/** A WebSocket whose session is checked while it is open: once after its handshake, and once without data since then. */
async function holdSocket(session: string): Promise<void> {
  holdTime();
  mockOrigin(() => {
    const { 0: forVisitor, 1: own } = new WebSocketPair();
    own.accept();
    return new Response(null, { status: 101, webSocket: forVisitor });
  });
  const headers = { Upgrade: "websocket", Connection: "Upgrade" };
  const { webSocket } = await visit(gated(), "/live", { session, headers });
  if (webSocket === null) throw new Error("There is no socket");
  webSocket.accept();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  webSocket.addEventListener("close", () => end());
  await passTime(60);
  await query("DELETE FROM sessions");
  await passTime(60);
  await ended;
  const now = Date.now();
  stopClock();
  vi.setSystemTime(now);
}

/** A page load at the gate with the user that a proxy names. */
async function arriveFromProxy(): Promise<void> {
  mockOrigin();
  const variables = { FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey, ENROLMENT: "optional" };
  const headers = { ...pageLoad, "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "kim" };
  const { status } = await visit(gated([], variables), "/private", { headers });
  if (status !== 200) throw new Error(`Who comes by the proxy gets ${status}`);
}

/** The same with `EXTERNAL_NAMES=canonical`. */
async function arriveByCanonicalName(): Promise<void> {
  const browser = new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey, EXTERNAL_NAMES: "canonical" });
  browser.added["X-Sallyport-Proxy-Key"] = proxyKey;
  browser.added["Remote-User"] = "Oscar";
  await browser.passSecondFactor(await browser.enrol());
}

/** A code claims an account that is older than exact names. */
async function claimAccount(): Promise<void> {
  const browser = new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey });
  browser.added["X-Sallyport-Proxy-Key"] = proxyKey;
  browser.added["Remote-User"] = "Peggy";
  const secret = await browser.enrol();
  await makeUnclaimed("Peggy");
  browser.cookies.clear();
  await browser.passSecondFactor(secret);
}

/** A page of the Worker with the pending session of another page. */
async function arriveWithPendingSession(): Promise<void> {
  await query("UPDATE users SET totp_enabled = 1 WHERE username = 'kim'");
  const variables = { FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey };
  const headers = { ...pageLoad, "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "kim" };
  const signInExternally = (Cookie: string) =>
    visit(gated([], variables), `${base}/sign-in`, { headers: { ...headers, Cookie } });
  const [cookie = ""] = (await signInExternally("")).headers.getSetCookie();
  const again = (await signInExternally(cookie.split(";", 1)[0] ?? "")).headers.getSetCookie();
  if (cookie === "" || again.length > 0) throw new Error("The pending session is not used again");
  await query("UPDATE users SET totp_enabled = 0 WHERE username = 'kim'");
}

/** The page that shows the backup codes leads to the receipt. */
async function comeBackForReceipt(): Promise<void> {
  const shop = await createRealm("receipts", { return_urls: shopUrls });
  const { challenge, browser } = await askForSetup(shop);
  const secret = secretOn(await step(browser, "start"));
  await step(browser, "confirm", { code: await code(secret) });
  receiptOn(await browser.open(`${base}/challenge/done?challenge=${challenge.id}`));
}

/** Somebody else's call with the same Idempotency-Key may have been answered just before the cool-down. */
async function askDuringCoolDown(): Promise<void> {
  const shop = await createRealm("cool");
  const { backupCodes } = await enrolBackendUser(shop);
  await query("UPDATE users SET second_factor_blocked_until = ? WHERE realm = 'cool'", Date.now() + 1000);
  await shop.verify("42", backupCodes[0], {}, repeatable("key"));
}

/** A secret that waits for its first code when the key is replaced. */
async function resealUnconfirmed(): Promise<void> {
  const shop = await createRealm("key");
  await shop.put("/v1/users/42");
  await shop.post("/v1/users/42/totp");
  await runScheduled({ KEYRING: `k-newer:${randomKey()},${env.KEYRING}` });
}
