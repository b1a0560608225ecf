import { beforeEach, describe, expect, it } from "vitest";
import { generateSessionSecret, signPendingSessionToken } from "../../src/core/tokens/session-token.ts";
import { firstFactors, showFirstFactor } from "../support/first-factors.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken, workersKeyring } from "../support/gate.ts";
import { openSite, type Site } from "../support/origin-site.ts";

let site: Site;

useFreshWorker();
beforeEach(() => {
  site = openSite();
});

const pending = (endsInSeconds: number) => {
  const expiresAt = new Date(Date.now() + endsInSeconds * 1000);
  const claims = { sessionSecret: generateSessionSecret(), username: "ada", expiresAt };
  return signPendingSessionToken(workersKeyring(), claims, new Date(Date.now() - 600_000));
};

/** Tokens of the Worker's own: those that open something, and those that no longer do. */
const tokens: [string, () => Promise<string>][] = [
  ["a full session's token", () => mintSessionToken()],
  ["a full session's token of another realm", () => mintSessionToken({ realm: "shop" })],
  ["an expired full session's token", () => mintSessionToken({ expiresAt: new Date(Date.now() - 1000) })],
  ["a pending session's token", () => pending(300)],
  ["an expired pending session's token", () => pending(-1)],
  ["an API key", async () => `sp_${"a2".repeat(8)}_${"B-_9".repeat(10)}abc`],
];
const worlds = firstFactors.flatMap((name) =>
  ["0", "60"].map((SESSION_RECHECK) => [name, SESSION_RECHECK] as const),
);

describe.each(worlds)("with %s as the first factor and SESSION_RECHECK %s", (name, SESSION_RECHECK) => {
  const POLICY = '[{"path":"/public/*","require":"none"}]';

  it("INC-32 no token of Sallyport's in Authorization reaches the site, on an open path and behind the second factor", async () => {
    const variables = { ORIGIN_URL: "http://origin.test", POLICY, SESSION_RECHECK };
    const browser = await showFirstFactor(name, site, variables);
    await browser.enrol();
    await browser.load("/inside");
    for (const [what, draw] of tokens) {
      for (const path of ["/public/x", "/inside"]) {
        const headers = { Authorization: `Bearer ${await draw()}` };
        const before = site.pages.length;
        const { status } = await browser.request(path, { headers });
        // With passwords the header may name another session than the cookie; with `origin` it is a credential of the site's.
        if (path === "/public/x") expect([what, status]).toEqual([what, 200]);
        for (const page of site.pages.slice(before))
          expect([what, page.headers.get("Authorization")]).toEqual([what, null]);
        for (const probe of site.probes) expect(probe.headers.get("Authorization")).toBeNull();
      }
    }
  });

  it("Authorization of the site's own does", async () => {
    const browser = await showFirstFactor(name, site, {
      ORIGIN_URL: "http://origin.test",
      POLICY,
      SESSION_RECHECK,
    });
    for (const Authorization of ["Basic YWRhOnB3", "Bearer site-token", "Bearer a.b.c"]) {
      await browser.request("/public/x", { headers: { Authorization } });
      expect(site.lastPage.headers.get("Authorization")).toBe(Authorization);
    }
  });
});
