import { beforeAll, describe, expect, it } from "vitest";
import { addToKnownDevicesCookie } from "../../src/core/tokens/known-devices.ts";
import { generateSessionSecret, signPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import { Browser } from "../support/browser.ts";
import { codeNow, createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken, workersKeyring } from "../support/gate.ts";
import { randomKey } from "../support/keyring.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { secretOn } from "../support/site.ts";
import { code, environment } from "../support/worker.ts";

useFreshWorker({ per: "suite" });

// Issue 6: bytes are counted, too.

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

describe("with the longest names, ids and key id that there are", () => {
  /** RFC 6265bis 5.6: browsers take no more of a cookie's name and value together, and drop what is larger. */
  const mostCookieBytes = 4096;
  const keyring = workersKeyring(`${"k".repeat(32)}:${randomKey()}`);
  // 256 code points of four bytes each, which are their own lower case.
  const username = "\u{10428}".repeat(256);
  const email = `${"a".repeat(64)}@${"b".repeat(185)}.com`;
  const realm = "r".repeat(64);

  it("a session's token fits into its cookie", async () => {
    const token = await mintSessionToken(
      {
        username,
        email,
        realm,
        userId: `${realm}:${'"'.repeat(128)}`,
        binding: `${"k".repeat(32)}.${"b".repeat(43)}`,
        amr: ["origin", "backup_code"],
      },
      keyring,
    );
    expect(bytesOf(`__Host-sallyport=${token}`)).toBeLessThanOrEqual(mostCookieBytes);
  });

  it("so does a pending session's", async () => {
    const now = new Date();
    const claims = { sessionSecret: generateSessionSecret(), username, expiresAt: now };
    const token = await signPendingSessionToken(keyring, claims, now);
    expect(bytesOf(`__Host-sallyport-pending=${token}`)).toBeLessThanOrEqual(mostCookieBytes);
  });

  it("and what makes a browser known to as many accounts as it can be", async () => {
    let devices = "";
    for (let i = 0; i < 10; i++)
      devices = await addToKnownDevicesCookie(
        keyring,
        devices,
        { realm, username: username + i },
        new Date(),
      );
    expect(bytesOf(`__Host-sallyport-device=${devices}`)).toBeLessThanOrEqual(512);
  });
});

describe("a visitor on a slow line waits for", () => {
  let faultWorld: FaultWorld;
  beforeAll(async () => {
    faultWorld = await createFaultWorld();
    collectLogLines();
  });

  const open = async (browser: Browser, path: string) => bytesOf((await browser.open(path)).html);

  it("no more than a few kilobytes a page, at sign-in and behind it", async () => {
    const browser = new Browser(environment());
    expect(await open(browser, "/api/auth/sign-in")).toBeLessThan(2500);
    const entryPoint = await browser.signIn(faultWorld.ada);
    expect(entryPoint.heading).toBe("Enter your code");
    expect(bytesOf(entryPoint.html)).toBeLessThan(4000);
    await browser.submit("/second-factor", { code: await codeNow(faultWorld) });
    expect(await open(browser, "/api/auth/account")).toBeLessThan(8000);
  });

  it("no more than that in the wizard, whose one picture is in the page", async () => {
    const browser = new Browser(environment());
    await browser.open("/api/auth/sign-in");
    await browser.signIn(faultWorld.bob);
    expect(await open(browser, "/api/auth/account/two-factor")).toBeLessThan(3000);
    const scan = await browser.submit("/account/two-factor", { step: "start" });
    expect(bytesOf(scan.html)).toBeLessThan(8000);
    const saved = await browser.submit("/account/two-factor", {
      step: "confirm",
      code: await code(secretOn(scan)),
    });
    expect(saved.heading).toBe("Save your backup codes");
    expect(bytesOf(saved.html)).toBeLessThan(4000);
  });

  it("two files that are kept, and less than 2 KB of headers", async () => {
    const browser = new Browser(environment());
    const { html } = await browser.open("/api/auth/sign-in");
    const files = [...html.matchAll(/(?:href|src)="(\/api\/auth\/assets\/[^"]+)"/g)].map(
      ([, path = ""]) => path,
    );
    expect(files).toHaveLength(2);
    const sizes = await Promise.all(files.map((path) => open(new Browser(environment()), path)));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(18_000);
    await browser.signIn(faultWorld.ada);
    for (const { headers } of browser.exchanges) {
      const bytes = [...headers].reduce((sum, [name, value]) => sum + bytesOf(`${name}: ${value}\r\n`), 0);
      expect(bytes).toBeLessThan(2000);
    }
  });
});
