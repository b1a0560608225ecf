import { beforeEach, describe, expect, it } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { entryPoints, externalFactors, NamedSite, typeCode } from "../support/named-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { wrongCode } from "../support/worker.ts";

useFreshWorker();

const combinations = externalFactors.flatMap((factor) =>
  entryPoints.flatMap((entryPoint) => ["0", "60"].map((recheck) => ({ factor, entryPoint, recheck }))),
);

let named: NamedSite;

const names = async () =>
  (await query<{ username: string }>("SELECT username FROM users ORDER BY username")).map(
    (row) => row.username,
  );

describe.each(combinations)(
  "INC-27 with FIRST_FACTOR=$factor, at $entryPoint, with SESSION_RECHECK=$recheck, accounts whose names differ in spelling",
  ({ factor, entryPoint, recheck }) => {
    beforeEach(async () => {
      const POLICY = JSON.stringify([{ path: "/feed", require: "first_factor" }]);
      named = await NamedSite.open(factor, entryPoint, { SESSION_RECHECK: recheck, POLICY });
    });

    it("are two accounts: each has a second factor, a name and an id of its own", async () => {
      const victim = await named.visitor("victim");
      await victim.enrol();
      const other = await named.visitor("VICTIM");
      expect(await named.redirectOf(other)).toBe("/account/two-factor");
      await other.enrol();
      expect(await names()).toEqual(["VICTIM", "victim"]);
      const [first, second] = [await named.passes(victim), await named.passes(other)];
      expect([first?.user, first?.claims.preferred_username]).toEqual(["victim", "victim"]);
      expect([second?.user, second?.claims.preferred_username]).toEqual(["VICTIM", "VICTIM"]);
      expect(first?.claims.sub).not.toBe(second?.claims.sub);
    });

    it("don't pass with the session of the other", async () => {
      const victim = await named.visitor("victim");
      await victim.enrol();
      const attacker = await named.visitor("VICTIM");
      await attacker.enrol();
      expect(await named.userAt(attacker)).toBe("VICTIM");
      // The attacker has the first factor of the victim, and a session that has shown the attacker's second factor.
      await named.name(attacker, "victim");
      expect(await named.passes(attacker)).toBeNull();
      expect(await named.redirectOf(attacker)).toBe("/second-factor");
      await attacker.load("/api/auth/second-factor");
      expect((await attacker.load("/api/auth/account")).status).toBe(303);
    });

    it("don't take each other's codes, nor use up each other's tries", async () => {
      const victim = await named.visitor("victim");
      const secret = await victim.enrol();
      const attacker = await named.visitor("Victim");
      const own = await attacker.enrol();
      attacker.cookies.delete("__Host-sallyport");
      await attacker.load("/api/auth/second-factor");
      expect(await typeCode(attacker, secret)).toBe(false);
      for (let variant = 0; variant < 4; variant++) {
        await attacker.load("/api/auth/second-factor");
        await attacker.post("/api/auth/second-factor", { code: await wrongCode(own, variant), rd: "/" });
      }
      const failures = await query(
        "SELECT username, second_factor_failures AS failures FROM users ORDER BY username",
      );
      expect(failures).toEqual([
        { username: "Victim", failures: 5 },
        { username: "victim", failures: 0 },
      ]);
      victim.cookies.delete("__Host-sallyport");
      await victim.passSecondFactor(secret);
      expect(await named.userAt(victim)).toBe("victim");
    });

    it("are named as they are where the first factor is enough", async () => {
      const ids = new Set<unknown>();
      for (const name of ["ada", "Ada", "ＡＤＡ"]) {
        const visitor = await named.visitor(name);
        await visitor.enrol();
        const fresh = await named.visitor(name);
        const passed = await named.passes(fresh, "/feed");
        expect([passed?.user, passed?.claims.preferred_username]).toEqual([name, name]);
        ids.add(passed?.claims.sub);
      }
      expect(ids.size).toBe(3);
    });

    it("are created once each by requests at the same time", async () => {
      const spellings = ["ada", "Ada", "aDa", "ADA"];
      const visitors = await Promise.all([...spellings, ...spellings].map((name) => named.visitor(name)));
      await Promise.all(visitors.map((visitor) => named.request(visitor)));
      expect((await names()).toSorted()).toEqual(spellings.toSorted());
      expect(await listEvents("user.created")).toHaveLength(4);
      expect(await listEvents("user.updated")).toEqual([]);
    });

    it("reach the origin as different bytes", async () => {
      const spellings = ["müller", "mu\u0308ller", "MÜLLER", "mÃ¼ller", "a b", "a  b", "a\u00a0b", "名前"];
      const bytes = new Set<string>();
      for (const name of spellings) {
        const visitor = await named.visitor(name, { ENROLMENT: "optional" });
        const passed = await named.passes(visitor);
        expect([passed?.user, passed?.claims.preferred_username]).toEqual([name, name]);
        bytes.add(new TextEncoder().encode(passed?.user ?? "").join());
      }
      expect(bytes.size).toBe(spellings.length);
    });

    it("are a new one where the site gives an account a new name, and the next owner of the old name meets its second factor", async () => {
      const visitor = await named.visitor("ada");
      const secret = await visitor.enrol();
      await named.name(visitor, "ada.lovelace");
      expect(await named.passes(visitor)).toBeNull();
      expect(await named.redirectOf(visitor)).toBe("/account/two-factor");
      const next = await named.visitor("ada");
      expect(await named.redirectOf(next)).toBe("/second-factor");
      expect(await named.passes(next)).toBeNull();
      await next.load("/api/auth/second-factor");
      expect(await typeCode(next, secret)).toBe(true);
      expect(await names()).toEqual(["ada", "ada.lovelace"]);
    });
  },
);
