import { describe, expect, it } from "vitest";
import { parsePolicy } from "../../../src/core/policy/policy.ts";
import { findPolicyWarnings } from "../../../src/core/policy/policy-warnings.ts";

function warningsOf(policy: readonly object[], overridesUnknown = true) {
  const parsed = parsePolicy(JSON.stringify(policy));
  if (!parsed.ok) throw new Error(parsed.message);
  return findPolicyWarnings(parsed.rules, overridesUnknown);
}

const strict = { path: "/admin/*", require: "second_factor" };
const open = { path: "/*", require: "none" };

describe("a last rule that is weaker than an earlier one", () => {
  it.each([
    ["open", [strict, open], { lastRule: 1, strictRule: 0 }],
    [
      "of a first factor",
      [{ path: "/public/*", require: "none" }, strict, { path: "/*", require: "first_factor" }],
      { lastRule: 2, strictRule: 1 },
    ],
    ["for some methods only", [strict, { ...open, methods: ["GET"] }], { lastRule: 1, strictRule: 0 }],
    ["before rules that it leaves nothing", [strict, open, strict], { lastRule: 1, strictRule: 0 }],
  ])("INC-31 is warned of: %s", (_, policy, places) => {
    expect(warningsOf(policy)).toEqual([{ kind: "last_rule_weaker", ...places }]);
  });

  it.each([
    [
      "there is no last rule: the second factor is required then",
      [strict, { path: "/public/*", require: "none" }],
    ],
    [
      "the last rule is the strictest",
      [
        { path: "/public/*", require: "none" },
        { path: "/*", require: "second_factor" },
      ],
    ],
    [
      "they differ in age only",
      [
        { ...strict, max_age: 60 },
        { path: "/*", require: "second_factor" },
      ],
    ],
    ["it is the only rule", [open]],
    ["there are no rules", []],
  ])("is no matter where %s", (_, policy) => {
    expect(warningsOf(policy)).toEqual([]);
  });
});

describe("a rule that opens a path for POST", () => {
  const hook = { path: "/hooks/*", methods: ["POST"], require: "none" };

  it("INC-31 is warned of where the policy asks more for another method that the body may name", () => {
    expect(warningsOf([hook])).toEqual([{ kind: "post_weaker", rule: 0, method: "GET", counts: false }]);
    const form = { path: "/login", methods: ["GET", "POST"], require: "none" };
    expect(warningsOf([form])).toEqual([{ kind: "post_weaker", rule: 0, method: "PUT", counts: false }]);
    const café = { path: "/caf\u00E9", methods: ["POST"], require: "none" };
    expect(warningsOf([café])).toHaveLength(1);
  });

  it("INC-31 says whether the stricter rule counts for a POST", () => {
    const remove = { path: "/hooks/*", methods: ["DELETE"], require: "second_factor" };
    const read = { path: "/hooks/*", methods: ["GET", "PUT", "PATCH"], require: "none" };
    expect(warningsOf([hook, remove, read])).toEqual([
      { kind: "post_weaker", rule: 0, method: "DELETE", counts: true },
    ]);
  });

  it.each([
    ["it opens all methods", [{ path: "/login", require: "none" }]],
    ["the others are as open", [hook, { path: "/hooks/*", require: "none" }]],
    ["it names no POST", [{ path: "/feed", methods: ["GET"], require: "none" }]],
    ["it asks for as much", [{ path: "/a", methods: ["POST"], require: "second_factor" }]],
  ])("is no matter where %s", (_, policy) => {
    expect(warningsOf(policy)).toEqual([]);
  });

  it("is no matter where it is known what the site does with such a body", () => {
    expect(warningsOf([hook], false)).toEqual([]);
  });
});
