import { beforeEach, describe, expect, it } from "vitest";
import { firstFactorOnlySessionLimits } from "../../src/domain/sign-in/openings.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { entryPoints, externalFactors, NamedSite, typeCode } from "../support/named-site.ts";
import { type Browser, countCosts, nothing } from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { makeUnclaimed } from "../support/unclaimed.ts";
import { wrongCode } from "../support/worker.ts";

useFreshWorker();

// Accounts of external sources that are older than exact names: their name is canonical, and no subject has claimed them.

const combinations = externalFactors.flatMap((factor) =>
  entryPoints.flatMap((entryPoint) => ["0", "60"].map((recheck) => ({ factor, entryPoint, recheck }))),
);

/** Two spellings of one canonical name: that of the account's owner, and that of another account of the site. */
const spellings = [
  ["victim", "VICTIM"],
  ["VICTIM", "victim"],
  ["Victim", "ＶＩＣＴＩＭ"],
] as const;

let named: NamedSite;

const rows = () =>
  query<{ id: string; username: string; canonical_name: string | null }>(
    "SELECT id, username, canonical_name FROM users ORDER BY created_at, username",
  );
const unclaimed = { username: "victim", canonical_name: null };

/** An account as an earlier version has left it: enrolled, and without a living session. Returns its secret. */
async function leaveEnrolled(): Promise<string> {
  const owner = await named.visitor("Victim");
  const secret = await owner.enrol();
  await makeUnclaimed("Victim");
  await query("DELETE FROM sessions");
  return secret;
}

async function leaveWithoutSecondFactor(): Promise<void> {
  await named.request(await named.visitor("Victim"));
  await makeUnclaimed("Victim");
  await query("DELETE FROM sessions");
}

/** Signs in with the first factor that the browser shows, and a code. Returns whether the code was accepted. */
async function signIn(browser: Browser, secret: string): Promise<boolean> {
  await browser.load("/api/auth/second-factor");
  const accepted = await typeCode(browser, secret);
  advance(30);
  return accepted;
}

/** Tries to get a set-up of a second factor, or a page, without a code. */
async function tryWithoutCode(browser: Browser): Promise<void> {
  for (const path of ["/inbox", "/feed"])
    expect([path, await named.passes(browser, path)]).toEqual([path, null]);
  await expect(browser.startSetUp()).rejects.toThrow("no secret on the page");
  for (const own of ["/account", "/account/two-factor", "/sign-in"]) await browser.follow(`/api/auth${own}`);
  await browser.load("/api/auth/second-factor");
  expect(await typeCode(browser, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")).toBe(false);
  expect(await named.redirectOf(browser)).toBe("/second-factor");
}

describe.each(combinations)(
  "INC-27 with FIRST_FACTOR=$factor, at $entryPoint, with SESSION_RECHECK=$recheck, an account that no exact name has claimed",
  ({ factor, entryPoint, recheck }) => {
    beforeEach(async () => {
      const POLICY = JSON.stringify([{ path: "/feed", require: "first_factor" }]);
      named = await NamedSite.open(factor, entryPoint, { SESSION_RECHECK: recheck, POLICY });
    });

    it.each(spellings)(
      "is claimed by %s, which shows its second factor, and not by %s, which came first",
      async (own, other) => {
        const secret = await leaveEnrolled();
        const attacker = await named.visitor(other);
        await tryWithoutCode(attacker);
        // The attacker has the owner's first factor, too.
        await named.name(attacker, own);
        await tryWithoutCode(attacker);
        expect(await rows()).toEqual([expect.objectContaining(unclaimed)]);
        expect(await listEvents("user.updated")).toEqual([]);

        const owner = await named.visitor(own);
        expect(await named.passes(owner, "/feed")).toBeNull();
        expect(await named.redirectOf(owner)).toBe("/second-factor");
        expect(await signIn(owner, secret)).toBe(true);
        const [account] = await rows();
        expect(account).toEqual({ id: account?.id, username: own, canonical_name: "victim" });
        for (const path of ["/inbox", "/feed"]) {
          const passed = await named.passes(owner, path);
          expect([passed?.user, passed?.claims.preferred_username]).toEqual([own, own]);
          expect(passed?.claims.sub).toBe(account?.id);
        }
        const [event, ...more] = await listEvents("user.updated");
        expect([event?.user_id, event?.detail, more]).toEqual([account?.id, '{"fields":"username"}', []]);
        // With the first factor alone, the owner's account stays closed to the attacker.
        await named.name(attacker, own);
        expect(await named.redirectOf(attacker)).toBe("/second-factor");
      },
    );

    it.each(spellings)(
      "leaves a new account to the other spelling once it is claimed: %s, then %s",
      async (own, other) => {
        const secret = await leaveEnrolled();
        const owner = await named.visitor(own);
        expect(await signIn(owner, secret)).toBe(true);
        const second = await named.visitor(other);
        expect(await named.redirectOf(second)).toBe("/account/two-factor");
        await second.enrol();
        const [first, newcomer] = [await named.passes(owner), await named.passes(second)];
        expect([first?.user, newcomer?.user]).toEqual([own, other]);
        expect(first?.claims.sub).not.toBe(newcomer?.claims.sub);
        expect((await rows()).map(({ username }) => username).toSorted()).toEqual([own, other].toSorted());
        advance(60);
        expect([await named.userAt(owner), await named.userAt(second)]).toEqual([own, other]);
      },
    );

    it("ends the sign-in of another spelling that waits for its code when it is claimed", async () => {
      const secret = await leaveEnrolled();
      const other = await named.visitor("VICTIM");
      await other.load("/api/auth/second-factor");
      expect(await signIn(await named.visitor("victim"), secret)).toBe(true);
      expect(await typeCode(other, secret)).toBe(false);
      expect(await named.passes(other)).toBeNull();
      expect(await named.redirectOf(other)).toBe("/account/two-factor");
    });

    it.each(spellings)(
      "is claimed by %s in a pending session that %s has opened, and that is shared",
      async (own, other) => {
        const secret = await leaveEnrolled();
        for (let i = 0; i < firstFactorOnlySessionLimits.maxPerNetwork; i++)
          await (await named.visitor(other)).load("/api/auth/second-factor");
        const waiting = await named.visitor(other);
        await waiting.load("/api/auth/second-factor");
        const owner = await named.visitor(own);
        expect(await signIn(owner, secret)).toBe(true);
        expect(await query("SELECT count(*) AS n FROM sessions")).toEqual([{ n: 1 }]);
        expect(await named.userAt(owner)).toBe(own);
        expect(await typeCode(waiting, secret)).toBe(false);
        expect(await named.redirectOf(waiting)).toBe("/account/two-factor");
      },
    );

    it("is claimed once by two spellings that show two right codes at the same time", async () => {
      const secret = await leaveEnrolled();
      const both = [await named.visitor("victim"), await named.visitor("VICTIM")] as const;
      for (const browser of both) await browser.load("/api/auth/second-factor");
      const accepted = await Promise.all(both.map((browser, index) => typeCode(browser, secret, index)));
      expect(accepted.filter(Boolean)).toHaveLength(1);
      const passed = [await named.userAt(both[0]), await named.userAt(both[1])];
      const enrolled = await query<{ username: string }>("SELECT username FROM users WHERE totp_enabled = 1");
      expect(passed.filter((user) => user !== null)).toEqual(enrolled.map(({ username }) => username));
      expect(enrolled).toHaveLength(1);
      expect(await listEvents("user.updated")).toHaveLength(1);
    });

    it.each(spellings)(
      "is claimed at first sight while it has no second factor: by %s, and not by %s later",
      async (first, later) => {
        await leaveWithoutSecondFactor();
        const [old] = await rows();
        const visitors = [await named.visitor(first), await named.visitor(later)] as const;
        for (const visitor of visitors) expect(await named.redirectOf(visitor)).toBe("/account/two-factor");
        const id = async (name: string) => (await rows()).find(({ username }) => username === name)?.id;
        expect(await id(first)).toBe(old?.id);
        for (const visitor of visitors) await visitor.enrol();
        const passed = [await named.passes(visitors[0]), await named.passes(visitors[1])];
        expect(passed.map((one) => [one?.user, one?.claims.sub])).toEqual([
          [first, old?.id],
          [later, await id(later)],
        ]);
      },
    );

    it.each(spellings)("keeps %s and %s out while it is closed, and is not claimed", async (own, other) => {
      for (const leave of [leaveEnrolled, leaveWithoutSecondFactor]) {
        await query("DELETE FROM users");
        await leave();
        await query("UPDATE users SET disabled_at = 1");
        for (const name of [other, own, "vIcTiM"]) {
          const visitor = await named.visitor(name, { ENROLMENT: "optional" });
          for (const path of ["/inbox", "/feed"])
            expect([path, (await named.request(visitor, path)).status]).toEqual([path, 403]);
          await visitor.follow("/api/auth/second-factor");
          await expect(visitor.startSetUp()).rejects.toThrow("no secret on the page");
        }
        expect(await rows()).toEqual([expect.objectContaining(unclaimed)]);
        expect(await query("SELECT id FROM sessions")).toEqual([]);
      }
    });

    it("is closed to every spelling after too many failures of one of them, until an operator unlocks it", async () => {
      const secret = await leaveEnrolled();
      const attacker = await named.visitor("VICTIM");
      await attacker.load("/api/auth/second-factor");
      await attacker.post("/api/auth/second-factor", { code: await wrongCode(secret), rd: "/" });
      expect(await query("SELECT second_factor_failures AS n FROM users")).toEqual([{ n: 1 }]);
      await query("UPDATE users SET second_factor_failures = 100");
      const owner = await named.visitor("victim");
      expect(await signIn(owner, secret)).toBe(false);
      expect(await rows()).toEqual([expect.objectContaining(unclaimed)]);
      await query("UPDATE users SET second_factor_failures = 0, second_factor_blocked_until = NULL");
      expect(await signIn(owner, secret)).toBe(true);
      expect(await named.userAt(owner)).toBe("victim");
    });
  },
);

describe.each(externalFactors)("INC-27 with FIRST_FACTOR=%s, to claim an account", (factor) => {
  it("costs what a sign-in costs: one batch for the page, one read and one batch for the code", async () => {
    named = await NamedSite.open(factor);
    const secret = await leaveEnrolled();
    const { bindings, costOf } = countCosts(named.site);
    const owner = await named.visitor("VICTIM", bindings);
    const probes = factor === "origin" ? 1 : 0;
    expect(await costOf(() => owner.load("/inbox"))).toEqual({ ...nothing, batches: 1, probes });
    expect(await costOf(() => owner.load("/api/auth/second-factor"))).toEqual({
      ...nothing,
      batches: 1,
      probes,
    });
    const code = await costOf(async () => expect(await typeCode(owner, secret)).toBe(true));
    expect(code).toEqual({ ...nothing, reads: 1, batches: 1, probes });
    expect(await named.userAt(owner)).toBe("VICTIM");
  });
});

describe("INC-27 the e-mail address of an account that no exact name has claimed", () => {
  it("is none of another spelling, and becomes that of the subject that claims it", async () => {
    named = await NamedSite.open("origin");
    const secret = await leaveEnrolled();
    const email = async () => (await query<{ email: string }>("SELECT email FROM users"))[0]?.email;
    const owner = await named.visitor("victim");
    await owner.load("/api/auth/second-factor");
    await named.request(await named.visitor("VICTIM"));
    expect(await email()).toBe("Victim@site.test");
    expect(await typeCode(owner, secret)).toBe(true);
    expect(await email()).toBe("victim@site.test");
    expect((await named.passes(owner))?.email).toBe("victim@site.test");
  });
});
