import { describe, expect, it } from "vitest";
import {
  evaluatePolicy,
  evaluatePolicyForMethodAndPath,
  type RequestInterpretation,
} from "../../../src/core/policy/evaluate-policy.ts";
import { listMethodsInRules, type PolicyRule, parsePolicy } from "../../../src/core/policy/policy.ts";

function rulesOf(...policy: object[]): readonly PolicyRule[] {
  const parsed = parsePolicy(JSON.stringify(policy));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rules;
}

const rules = rulesOf(
  { path: "/posts/*", methods: ["DELETE"], require: "second_factor" },
  { path: "/posts/drafts/*", require: "first_factor" },
  { path: "/*", require: "none" },
);

const levelOf = (itself: RequestInterpretation, ...others: RequestInterpretation[]) =>
  evaluatePolicy(rules, itself, others)?.requirement.level ?? null;

describe("a request that can be served in several ways", () => {
  it("INC-31 needs what the strictest of them needs", () => {
    const get = { method: "GET", path: "/posts/1" };
    const remove = { method: "DELETE", path: "/posts/1" };
    const draft = { method: "GET", path: "/posts/drafts/1" };
    expect(levelOf(get)).toBe("none");
    expect(levelOf(get, draft)).toBe("first_factor");
    expect(levelOf(get, draft, remove)).toBe("second_factor");
    expect(levelOf(remove, get)).toBe("second_factor");
  });

  it("INC-01 can't be judged when one of the paths does not parse", () => {
    const [plain, odd] = [
      { method: "GET", path: "/a" },
      { method: "GET", path: "/%zz" },
    ];
    expect(evaluatePolicy(rules, plain, [odd])).toBeNull();
    expect(evaluatePolicy(rules, odd, [plain])).toBeNull();
  });

  it("INC-31 by a method that is only possible, needs what a rule asks that names the method", () => {
    const possible = (method: string, path = "/posts/1"): RequestInterpretation => ({
      method,
      path,
      namedOnly: true,
    });
    const post = { method: "POST", path: "/posts/1" };
    expect(levelOf(post, possible("DELETE"))).toBe("second_factor");
    expect(levelOf(post, possible("PUT"))).toBe("none");
    expect(levelOf(possible("PUT", "/posts/drafts/1"))).toBe("none");
    const closed = rulesOf({ path: "/open", methods: ["POST"], require: "none" });
    expect(
      evaluatePolicy(closed, { ...post, path: "/open" }, [possible("DELETE", "/open")])?.requirement,
    ).toEqual({ level: "none" });
  });

  it("INC-31 by a method that takes all below along, needs what is required there", () => {
    const whole = (path: string): RequestInterpretation => ({ method: "COPY", path, withBelow: "all" });
    expect(levelOf(whole("/posts"))).toBe("first_factor");
    expect(levelOf(whole("/"))).toBe("first_factor");
    expect(levelOf(whole("/POSTS/"))).toBe("first_factor");
    expect(levelOf({ method: "COPY", path: "/posts" })).toBe("none");
    expect(levelOf(whole("/post"))).toBe("none");
    expect(levelOf({ ...whole("/"), method: "DELETE" })).toBe("second_factor");
  });

  it("INC-28 an assertion names the rule for the request itself, and not the one that asks for more", () => {
    const post = { method: "POST", path: "/posts/1" };
    const decision = evaluatePolicy(rules, post, [{ method: "DELETE", path: "/posts/1", namedOnly: true }]);
    expect(decision).toEqual({
      requirement: { level: "second_factor", maxAgeSeconds: null },
      pathPrefix: "/",
      methods: null,
    });
    const draft = { method: "GET", path: "/posts/drafts/1" };
    expect(evaluatePolicy(rules, draft, [{ method: "GET", path: "/elsewhere" }])).toBe(rules[1]?.decision);
    expect(evaluatePolicy(rules, { method: "GET", path: "/elsewhere" }, [draft])).toEqual({
      requirement: { level: "first_factor", maxAgeSeconds: null },
      pathPrefix: "/",
      methods: null,
    });
  });

  it("INC-28 an assertion for a variant of a path covers the path as it came", () => {
    expect(evaluatePolicyForMethodAndPath(rules, "DELETE", "/posts/1")).toBe(rules[0]?.decision);
    expect(evaluatePolicyForMethodAndPath(rules, "GET", "/posts/drafts.json")).toEqual({
      requirement: { level: "first_factor", maxAgeSeconds: null },
      pathPrefix: "/",
      methods: null,
    });
    expect(evaluatePolicyForMethodAndPath(rulesOf(), "GET", "/elsewhere")).toMatchObject({
      pathPrefix: "/",
      methods: null,
    });
  });
});

describe("a verdict that is remembered", () => {
  it("is the one of this method, this path, this policy and this way to be served", () => {
    const other = rulesOf({ path: "/*", require: "first_factor" });
    for (let round = 0; round < 2; round++) {
      expect(levelOf({ method: "GET", path: "/posts/7" })).toBe("none");
      expect(levelOf({ method: "DELETE", path: "/posts/7" })).toBe("second_factor");
      expect(levelOf({ method: "GET", path: "/posts" })).toBe("none");
      expect(levelOf({ method: "GET", path: "/posts", withBelow: "all" })).toBe("first_factor");
      expect(levelOf({ method: "PUT", path: "/posts/drafts/7", namedOnly: true })).toBe("none");
      expect(levelOf({ method: "PUT", path: "/posts/drafts/7" })).toBe("first_factor");
      expect(evaluatePolicyForMethodAndPath(other, "GET", "/posts/7")?.requirement.level).toBe(
        "first_factor",
      );
      expect(evaluatePolicyForMethodAndPath(rulesOf(), "GET", "/posts/7")?.requirement.level).toBe(
        "second_factor",
      );
      expect(evaluatePolicyForMethodAndPath(rules, "GET", "/%zz")).toBeNull();
    }
  });

  it("is the same for more paths than can be remembered, and for longer ones", () => {
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < 1500; at++)
        expect(
          evaluatePolicyForMethodAndPath(rules, "GET", `/${at % 2 ? "x" : "posts/drafts"}/${at}`)?.requirement
            .level,
        ).toBe(at % 2 ? "none" : "first_factor");
      expect(
        evaluatePolicyForMethodAndPath(rules, "GET", `/posts/drafts/${"x".repeat(2000)}`)?.requirement.level,
      ).toBe("first_factor");
    }
  });
});

describe("the methods of a policy", () => {
  it("are those that some rule names", () => {
    expect(listMethodsInRules(rules)).toEqual(["DELETE"]);
    const two = rulesOf(
      { path: "/a", methods: ["get", "POST"], require: "none" },
      { path: "/b", methods: ["GET", "PROPFIND"], require: "none" },
    );
    expect(listMethodsInRules(two)).toEqual(["GET", "POST", "PROPFIND"]);
    expect(listMethodsInRules(rulesOf())).toEqual([]);
  });
});
