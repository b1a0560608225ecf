import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluatePolicyForMethodAndPath } from "../../../src/core/policy/evaluate-policy.ts";
import { findPathVariants } from "../../../src/core/policy/path-variants.ts";
import { type PolicyRule, parsePolicy } from "../../../src/core/policy/policy.ts";
import { disguised, hostileText, varied } from "../../support/arbitrary-paths.ts";
import { findServerThatOpens, frameworks, servers } from "../../support/servers.ts";
import ambiguousPaths from "../../vectors/ambiguous-paths.json";

/** What the policy asks for, without the rule that says so. Null: the path does not parse. */
const requirementOf = (...request: Parameters<typeof evaluatePolicyForMethodAndPath>) =>
  evaluatePolicyForMethodAndPath(...request)?.requirement ?? null;

function rulesOf(...list: object[]): readonly PolicyRule[] {
  const parsed = parsePolicy(JSON.stringify(list));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rules;
}

const rules = rulesOf(
  { path: "/admin/*", require: "second_factor", max_age: 300 },
  { path: "/*", require: "none" },
);
const open = rulesOf({ path: "/public/*", require: "none" });
const strict = { level: "second_factor", maxAgeSeconds: 300 };

describe("whatever a path looks like", () => {
  it("INC-05 INC-07 no disguise of several layers takes it out of its rule", () => {
    let judged = 0;
    const runs = 4000;
    fc.assert(
      fc.property(disguised("/admin/secret"), ({ text }) => {
        const requirement = requirementOf(rules, "GET", text);
        if (requirement === null) return;
        judged += 1;
        expect(requirement).toEqual(strict);
      }),
      { numRuns: runs },
    );
    // Most are judged and not just refused, or this would say nothing.
    expect(judged).toBeGreaterThan(runs / 2);
  });

  it("INC-31 no variant of several layers takes it out of its rule", () => {
    let judged = 0;
    const runs = 4000;
    fc.assert(
      fc.property(varied("/admin/secret"), ({ text, layers }) => {
        const requirement = requirementOf(rules, "GET", text);
        if (requirement === null) return;
        judged += 1;
        expect([layers, text, requirement]).toEqual([layers, text, strict]);
      }),
      { numRuns: runs },
    );
    expect(judged).toBeGreaterThan(runs / 2);
  });

  it("INC-31 no text is judged more mildly than any of some frameworks would serve it", () => {
    let reached = 0;
    const exact = rulesOf(
      { path: "/admin", require: "second_factor", max_age: 300 },
      { path: "/admin/*", require: "second_factor", max_age: 300 },
      { path: "/*", require: "none" },
    );
    const words = ["admin", "/admin", "/index.php/admin", ".json", "/index.php", ".php", "/", "::$DATA"];
    fc.assert(
      fc.property(hostileText(...words), (text) => {
        const path = `/${text}`;
        const where = findServerThatOpens(path, "/admin", frameworks);
        if (where === null) return;
        for (const policy of [rules, exact]) {
          const requirement = requirementOf(policy, "GET", path);
          if (requirement === null) return;
          reached += 1;
          expect([where, path, requirement]).toEqual([where, path, strict]);
        }
      }),
      { numRuns: 6000 },
    );
    expect(reached).toBeGreaterThan(50);
  });

  it("INC-31 a variant never makes a requirement weaker than the path as it is written has it", () => {
    const list = [
      { path: "/public", require: "first_factor" },
      { path: "/public/*", require: "none" },
      { path: "/elsewhere/*", require: "first_factor" },
      { path: "/", require: "none" },
    ] as const;
    const policy = rulesOf(...list);
    const levels = ["none", "first_factor", "second_factor"];
    /** The level of one variant, by nothing but a comparison of text. */
    const levelOf = (variant: string) => {
      const rule = list.find(({ path }) =>
        path.endsWith("/*") ? `${variant}/`.startsWith(path.slice(0, -1)) : variant === path,
      );
      return levels.indexOf(rule?.require ?? "second_factor");
    };
    fc.assert(
      fc.property(
        fc.constantFrom("/public/x", "/public", "/elsewhere/y", "/").chain((path) => varied(path)),
        ({ text }) => {
          const variants = findPathVariants(text);
          const judged = requirementOf(policy, "GET", text);
          if (variants === null || judged === null) {
            expect([variants, judged]).toEqual([null, null]);
            return;
          }
          expect(levels.indexOf(judged.level)).toBeGreaterThanOrEqual(
            Math.max(...[...variants].map(levelOf)),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("INC-05 no disguise brings it under a rule for another path", () => {
    fc.assert(
      fc.property(disguised("/admin/secret"), ({ text }) => {
        expect(requirementOf(open, "GET", text)?.level).not.toBe("none");
      }),
      { numRuns: 4000 },
    );
  });

  it("INC-05 the corpus of ambiguous paths stays under its rule with one disguise more", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ambiguousPaths).chain((path) => disguised(path, 2)),
        ({ text }) => {
          // The corpus has escapes of its own, which a change of case or of a character may have broken.
          const where = findServerThatOpens(text, "/admin");
          const requirement = requirementOf(rules, "GET", text);
          if (where !== null && requirement !== null) expect([where, requirement]).toEqual([where, strict]);
        },
      ),
      { numRuns: 4000 },
    );
  });

  it("INC-05 no text is judged more mildly than any of a dozen servers would read it", () => {
    let reached = 0;
    fc.assert(
      fc.property(hostileText("admin", "ADMIN", "%61dmin", "public", "/admin", "/public"), (text) => {
        const path = `/${text}`;
        const requirement = requirementOf(rules, "GET", path);
        if (requirement === null) return;
        const where = findServerThatOpens(path, "/admin");
        if (where === null) return;
        reached += 1;
        expect([where, requirement]).toEqual([where, strict]);
      }),
      { numRuns: 6000 },
    );
    expect(reached).toBeGreaterThan(50);
  });

  it("INC-05 nothing is open by a rule for a path that one of these servers reads as another path", () => {
    let opened = 0;
    fc.assert(
      fc.property(hostileText("public", "/public", "/public/", "x"), (text) => {
        const path = `/public/${text}`;
        if (requirementOf(open, "GET", path)?.level !== "none") return;
        opened += 1;
        const deceived = Object.entries(servers).find(([, server]) => !isPublicOrRefused(server(path)));
        expect(deceived?.[0]).toBeUndefined();
      }),
      { numRuns: 6000 },
    );
    expect(opened).toBeGreaterThan(50);
  });

  it("INC-01 a text is refused, or read in at least one way that starts with a slash", () => {
    fc.assert(
      fc.property(fc.oneof(hostileText("admin"), fc.string({ unit: "binary", maxLength: 200 })), (text) => {
        const variants = findPathVariants(text);
        if (variants === null) return;
        expect(variants.size).toBeGreaterThan(0);
        expect(variants.size).toBeLessThan(1100);
        for (const variant of variants) expect(variant).toMatch(/^\//);
      }),
      { numRuns: 5000 },
    );
  });

  it("a plain path is read as it is and in no other way", () => {
    const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 6 }), (names) => {
        const path = `/${names.join("/")}`;
        expect([...(findPathVariants(path) ?? [])]).toEqual([path]);
      }),
    );
  });
});

function isPublicOrRefused(resource: string | null): boolean {
  return resource === null || /^\/public(\/|$)/i.test(resource);
}
