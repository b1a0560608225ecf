import { beforeEach, describe, expect, it } from "vitest";
import { getConfig } from "../../src/runtime.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { entryPoints, externalFactors, NamedSite, typeCode } from "../support/named-site.ts";
import { type Browser, originVariables } from "../support/origin-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { environment, type Overrides } from "../support/worker.ts";

useFreshWorker();

const combinations = externalFactors.flatMap((factor) =>
  entryPoints.flatMap((entryPoint) => ["0", "60"].map((recheck) => ({ factor, entryPoint, recheck }))),
);
const canonical = { EXTERNAL_NAMES: "canonical" };

let named: NamedSite;

const rows = () =>
  query<{ id: string; username: string; canonical_name: string | null }>(
    "SELECT id, username, canonical_name FROM users ORDER BY created_at, username",
  );

/** The same browser, once the Worker has been deployed with these variables. */
async function redeployed(browser: Browser, name: string, overrides: Overrides = {}): Promise<Browser> {
  const same = await named.visitor(name, overrides);
  for (const [cookie, value] of browser.cookies) same.cookies.set(cookie, value);
  Object.assign(same.added, browser.added);
  return same;
}

async function signIn(browser: Browser, secret: string): Promise<void> {
  await browser.load("/api/auth/second-factor");
  expect(await typeCode(browser, secret)).toBe(true);
  advance(30);
}

describe.each(combinations)(
  "INC-27 with FIRST_FACTOR=$factor, at $entryPoint, with SESSION_RECHECK=$recheck and EXTERNAL_NAMES=canonical",
  ({ factor, entryPoint, recheck }) => {
    beforeEach(async () => {
      named = await NamedSite.open(factor, entryPoint, { SESSION_RECHECK: recheck });
    });

    it("all spellings of a name are one account", async () => {
      const secret = await (await named.visitor("Ada", canonical)).enrol();
      for (const name of ["ada", "ADA", "ＡＤＡ"]) {
        const visitor = await named.visitor(name, canonical);
        expect(await named.redirectOf(visitor)).toBe("/second-factor");
        await signIn(visitor, secret);
        const passed = await named.passes(visitor);
        expect([passed?.user, passed?.claims.preferred_username]).toEqual(["ada", "ada"]);
      }
      expect(await rows()).toEqual([expect.objectContaining({ username: "ada", canonical_name: null })]);
      expect(await listEvents("user.updated")).toEqual([]);
    });

    it("an account from a time of exact names keeps its second factor, and is that of all spellings", async () => {
      const secret = await (await named.visitor("Ada")).enrol();
      const [account] = await rows();
      for (const name of ["ADA", "Ada", "ada"]) {
        const visitor = await named.visitor(name, { ...canonical, ENROLMENT: "optional" });
        expect(await named.passes(visitor)).toBeNull();
        await signIn(visitor, secret);
        for (let asked = 0; asked < 2; asked++, advance(60)) {
          const passed = await named.passes(visitor);
          expect([passed?.user, passed?.claims.sub]).toEqual(["ada", account?.id]);
        }
        const answer = await visitor.script("/api/auth/session");
        expect(await answer.json()).toMatchObject({ data: { user: { username: "ada", id: account?.id } } });
      }
      expect(await rows()).toEqual([account]);
    });

    it("of several accounts from that time the oldest with a second factor counts, and none while one is closed", async () => {
      await named.request(await named.visitor("ada"));
      advance(30);
      const secret = await (await named.visitor("Ada")).enrol();
      await (await named.visitor("aDa")).enrol();
      const id = (await rows()).find(({ username }) => username === "Ada")?.id;
      for (const name of ["ada", "aDa", "ADA"]) {
        const visitor = await named.visitor(name, canonical);
        expect(await named.redirectOf(visitor)).toBe("/second-factor");
        await signIn(visitor, secret);
        expect((await named.passes(visitor))?.claims.sub).toBe(id);
      }
      await query("UPDATE users SET disabled_at = 1 WHERE username = 'ada'");
      for (const name of ["ada", "Ada", "ADA"])
        expect((await named.request(await named.visitor(name, canonical))).status).toBe(403);
      expect(await rows()).toHaveLength(3);
    });

    it("an account of this time is claimed by its second factor once names are exact", async () => {
      const before = await named.visitor("Ada", canonical);
      const secret = await before.enrol();
      expect(await named.userAt(before)).toBe("ada");
      advance(60);
      const after = await redeployed(before, "Ada");
      expect(await named.passes(after)).toBeNull();
      const other = await named.visitor("ADA");
      expect(await named.redirectOf(other)).toBe("/second-factor");
      await signIn(after, secret);
      expect(await named.userAt(after)).toBe("Ada");
      expect(await named.redirectOf(other)).toBe("/account/two-factor");
    });

    it("a session of this time ends when another spelling takes the account, which has no second factor", async () => {
      const optional = { ENROLMENT: "optional" };
      const before = await named.visitor("ada", { ...canonical, ...optional });
      const first = await named.passes(before);
      advance(60);
      const other = await named.passes(await named.visitor("ADA", optional));
      expect([other?.user, other?.claims.sub]).toEqual(["ADA", first?.claims.sub]);
      const now = await named.passes(await redeployed(before, "ada", optional));
      expect(now?.user).toBe("ada");
      expect(now?.claims.sub).not.toBe(first?.claims.sub);
    });
  },
);

describe("EXTERNAL_NAMES", () => {
  const config = (EXTERNAL_NAMES?: string) => getConfig(environment({ ...originVariables, EXTERNAL_NAMES }));

  it("is exact by default, with every first factor, and nothing else than exact or canonical", () => {
    expect(config().firstFactor.names).toBe("exact");
    expect(config("canonical").firstFactor.names).toBe("canonical");
    expect(getConfig(environment(canonical)).firstFactor.names).toBe("canonical");
    for (const value of ["", "Exact", "folded"]) expect(() => config(value)).toThrow("EXTERNAL_NAMES");
  });
});
