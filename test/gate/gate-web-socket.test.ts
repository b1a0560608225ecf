import { beforeEach, describe, expect, it, vi } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { originUrl } from "../support/gate.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { query } from "../support/rows.ts";
import {
  connect,
  echo,
  ended,
  endOf,
  handshake,
  holdTime,
  openSocket,
  passTime,
  takeSockets,
} from "../support/sockets.ts";
import { code, createEnrolledAccount } from "../support/worker.ts";

let site: Site;
/** The site's ends of all its sockets. */
let sockets: WebSocket[];

useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("s1", "ada").set("s2", "ada").set("s3", "grace");
  sockets = takeSockets(site);
});

async function inside(overrides = {}) {
  const browser = Browser.signedIn("s1", overrides);
  await browser.enrol();
  await browser.load("/inside");
  holdTime();
  return browser;
}

describe("a WebSocket through the gate", () => {
  it("WB-12 is refused before the second factor, and the site is not reached", async () => {
    await Browser.signedIn("s1").enrol();
    for (const sid of ["s2", "s3"]) {
      const response = await connect(Browser.signedIn(sid));
      expect([response.status, response.webSocket]).toEqual([401, null]);
      expect(await response.json()).toMatchObject({ code: "second_factor_required" });
    }
    expect(sockets).toEqual([]);
  });

  it("WB-12 is relayed after it, in both directions, as text and as bytes", async () => {
    const { response, webSocket } = await openSocket(await inside());
    expect(response.status).toBe(101);
    expect(await echo(webSocket, "hello ☃")).toBe("hello ☃");
    const bytes = new Uint8Array([0, 1, 254, 255]);
    expect(await echo(webSocket, bytes)).toEqual(bytes.buffer);
  });

  it("WB-12 forwards the handshake to the site, with the identity, and the response back", async () => {
    const { response } = await openSocket(await inside());
    const { headers } = site.lastPage;
    for (const name of ["Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol"] as const)
      expect(headers.get(name)).toBe((handshake as Record<string, string>)[name]);
    // ORIGIN_HOST=origin: the site compares it with its own host.
    expect(headers.get("Origin")).toBe(originUrl);
    expect(headers.get("Remote-User")).toBe("ada");
    expect(headers.get("Cookie")).toBe("sid=s1");
    expect(response.headers.get("Sec-WebSocket-Protocol")).toBe("chat");
    expect(response.headers.getSetCookie()).toEqual(["ws=1"]);
  });

  it("is forwarded for an anonymous visitor where the site has its own login", async () => {
    const { webSocket } = await openSocket(new Browser());
    expect(await echo(webSocket, "hello")).toBe("hello");
    expect(site.lastPage.headers.get("Remote-User")).toBeNull();
  });

  it.each<[string, () => unknown]>([
    ["its session here has been ended", () => query("DELETE FROM sessions")],
    ["its account has been closed", () => query("UPDATE users SET disabled_at = 1")],
    ["its visitor has signed out at the site", () => site.sessions.delete("s1")],
    ["another account is signed in at the site", () => site.sessions.set("s1", "grace")],
    [
      "the who-am-I fails",
      () => {
        site.whoAmI = () => new Response(null, { status: 500 });
      },
    ],
  ])("SE-06 is closed with 1008 when %s", async (_what, change) => {
    const { webSocket, ends } = await openSocket(await inside());
    await change();
    expect(await echo(webSocket, "still open")).toBe("still open");
    await passTime(60);
    expect(await endOf(ends)).toEqual(ended);
    expect(sockets[0]?.readyState).not.toBe(WebSocket.READY_STATE_OPEN);
  });

  it("stays open while its session lives, and asks once every SESSION_RECHECK after the token is due", async () => {
    const { webSocket, ends } = await openSocket(await inside({ SESSION_RECHECK: "120" }));
    const before = site.probes.length;
    // The token is from the set-up of the second factor, half a minute ago.
    await passTime(89);
    expect(site.probes).toHaveLength(before);
    await passTime(1);
    expect(site.probes).toHaveLength(before + 1);
    await passTime(119);
    expect(site.probes).toHaveLength(before + 1);
    await passTime(1);
    expect(site.probes).toHaveLength(before + 2);
    expect(ends).toEqual([]);
    expect(await echo(webSocket, "hello")).toBe("hello");
  });

  it("asks every five seconds at most, even where SESSION_RECHECK is 0", async () => {
    const { ends } = await openSocket(await inside({ SESSION_RECHECK: "0" }));
    const before = site.probes.length;
    await passTime(4);
    expect(site.probes).toHaveLength(before);
    await query("DELETE FROM sessions");
    await passTime(1);
    expect(await endOf(ends)).toEqual(ended);
  });

  it("SE-06 is closed after signing out where passwords are the first factor, too", async () => {
    const account = await createEnrolledAccount();
    vi.setSystemTime(Date.now() + 60_000);
    const browser = new Browser({ FIRST_FACTOR: "password" });
    expect((await connect(browser)).status).toBe(401);
    await browser.post("/api/auth/sign-in", { username: "ada", password: account.password, rd: "/" });
    await browser.post("/api/auth/second-factor", { code: await code(account.secret), rd: "/" });
    holdTime();
    const { webSocket, ends } = await openSocket(browser);
    expect(await echo(webSocket, "hello")).toBe("hello");
    await browser.post("/api/auth/sign-out", {});
    await passTime(60);
    expect(await endOf(ends)).toEqual(ended);
  });
});
