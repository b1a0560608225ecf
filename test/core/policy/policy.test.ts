import { describe, expect, it } from "vitest";
import { evaluatePolicyForMethodAndPath } from "../../../src/core/policy/evaluate-policy.ts";
import { type FactorRequirement, type PolicyRule, parsePolicy } from "../../../src/core/policy/policy.ts";
import ambiguousPaths from "../../vectors/ambiguous-paths.json";

/** What the policy asks for, without the rule that says so. Null: the path does not parse. */
const requirementOf = (...request: Parameters<typeof evaluatePolicyForMethodAndPath>) =>
  evaluatePolicyForMethodAndPath(...request)?.requirement ?? null;

function rulesOf(policy: unknown): readonly PolicyRule[] {
  const parsed = parsePolicy(JSON.stringify(policy));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rules;
}

const none: FactorRequirement = { level: "none" };
const firstFactor: FactorRequirement = { level: "first_factor", maxAgeSeconds: null };
const secondFactor: FactorRequirement = { level: "second_factor", maxAgeSeconds: null };

describe("parsing", () => {
  it("takes an empty policy, after which everything needs a second factor", () => {
    expect(requirementOf(rulesOf([]), "GET", "/")).toEqual(secondFactor);
  });

  it.each([
    ["", "is not JSON"],
    ["{}", "must be a JSON array of rules"],
    ["[1]", "[0]: "],
    ['[{"require":"none"}]', "[0].path: "],
    ['[{"path":"/a"}]', "[0].require: must be one of none, first_factor, second_factor"],
    ['[{"path":"/a","require":"none"},{"path":"b","require":"none"}]', '[1].path: must start with "/"'],
    ['[{"path":"/a","require":"open"}]', "[0].require: must be one of"],
    ['[{"path":"/a","require":"none","maxage":1}]', "[0]: "],
    ['[{"path":"/a","require":"none","max_age":60}]', '[0].max_age: has no effect with "none"'],
    [
      '[{"path":"/a","require":"second_factor","max-age":60}]',
      '[0]: Unknown field "max-age" (did you mean "max_age"?).',
    ],
    ['[{"path":"/a","require":"second_factor","max_age":0}]', "[0].max_age: must be at least 1 second"],
    ['[{"path":"/a","require":"second_factor","max_age":1.5}]', "[0].max_age: must be a whole number"],
    ['[{"path":"/a","require":"second_factor","max_age":"300"}]', "[0].max_age: must be a whole number"],
    ['[{"path":"/a","require":"none","methods":[]}]', "[0].methods: must name at least one method"],
    ['[{"path":"/a","require":"none","methods":["GET","P T"]}]', "[0].methods[1]: must be an HTTP method"],
    ['[{"path":"/a","require":"none","methods":"GET"}]', "[0].methods: "],
  ])("names the rule and the field: %s", (json, message) => {
    const parsed = parsePolicy(json);
    expect(parsed).toMatchObject({ ok: false });
    expect(parsed.ok ? "" : parsed.message).toContain(message);
  });

  it.each([
    "",
    "*",
    "/a*",
    "/*/b",
    "/a/**",
    "/a/*/*",
    "/a?b",
    "/a#b",
    "/a//b",
    "/a//*",
    "//a",
    "/a/../b",
    "/./a",
    "/a/.",
    "/a/..",
    "/a\\b",
    "/a;b",
    "/a./*",
    "/a.",
    "/a /b",
    "/caf%C3%A9",
    "/a%2fb/*",
    "/%61dmin/*",
    "/100%",
    "/a\u0000b",
    "/a\tb",
    "/a\uFF0Fb",
    "/a\u2215b/*",
    "/\u2025/a",
    "/\u00A5100",
    "/a\u00A0/*",
    "/a\uFFFDb",
  ])("INC-05 rejects the rule path %j, which no variant of a request path could match", (path) => {
    expect(parsePolicy(JSON.stringify([{ path, require: "none" }]))).toMatchObject({
      ok: false,
      message: expect.stringContaining("[0].path: "),
    });
  });

  it("names every wrong rule", () => {
    const parsed = parsePolicy('[{"path":"a","require":"none"},{"path":"/b","require":"x"}]');
    expect(parsed.ok ? "" : parsed.message).toMatch(/^\[0\]\.path: .*; \[1\]\.require: /);
  });
});

describe("matching", () => {
  const rules = rulesOf([
    { path: "/admin/*", require: "second_factor", max_age: 300 },
    { path: "/api/*", methods: ["get", "OPTIONS"], require: "none" },
    { path: "/api/*", require: "first_factor" },
    { path: "/exact", require: "none" },
    { path: "/my docs/*", require: "none" },
    { path: "/café/*", require: "none" },
    { path: "/Mixed/*", require: "none" },
    { path: "/public/*", require: "none" },
  ]);

  it.each([
    ["GET", "/admin", { level: "second_factor", maxAgeSeconds: 300 }],
    ["GET", "/admin/", { level: "second_factor", maxAgeSeconds: 300 }],
    ["POST", "/admin/x/y", { level: "second_factor", maxAgeSeconds: 300 }],
    ["GET", "/administrator", secondFactor],
    ["GET", "/api/x", none],
    ["HEAD", "/api/x", none],
    ["get", "/api/x", none],
    ["OPTIONS", "/api", none],
    ["POST", "/api/x", firstFactor],
    ["DELETE", "/api", firstFactor],
    ["GET", "/exact", none],
    ["GET", "/exact/", secondFactor],
    ["GET", "/exact/x", secondFactor],
    ["GET", "/my%20docs/a", none],
    ["GET", "/caf%C3%A9/x", none],
    ["GET", "/caf%c3%a9/x", none],
    ["GET", "/Mixed/x", none],
    ["GET", "/", secondFactor],
    ["GET", "/elsewhere", secondFactor],
  ] as const)("%s %s", (method, path, requirement) => {
    expect(requirementOf(rules, method, path)).toEqual(requirement);
  });

  it("lets a rule for HEAD say nothing about GET", () => {
    const headOnly = rulesOf([{ path: "/*", methods: ["HEAD"], require: "none" }]);
    expect(requirementOf(headOnly, "HEAD", "/x")).toEqual(none);
    expect(requirementOf(headOnly, "GET", "/x")).toEqual(secondFactor);
  });

  it("takes the first rule that matches", () => {
    const ordered = rulesOf([
      { path: "/a/b", require: "none" },
      { path: "/a/*", require: "first_factor" },
      { path: "/*", require: "none" },
    ]);
    expect(requirementOf(ordered, "GET", "/a/b")).toEqual(none);
    expect(requirementOf(ordered, "GET", "/a/c")).toEqual(firstFactor);
    expect(requirementOf(ordered, "GET", "/c")).toEqual(none);
  });

  it("INC-05 ranks none, first factor, second factor, and within one level the shorter age", () => {
    const ascending = [
      { require: "none" },
      { require: "first_factor" },
      { require: "first_factor", max_age: 600 },
      { require: "first_factor", max_age: 60 },
      { require: "second_factor" },
      { require: "second_factor", max_age: 600 },
      { require: "second_factor", max_age: 60 },
    ];
    for (const [index, stronger] of ascending.entries()) {
      for (const weaker of ascending.slice(0, index)) {
        for (const [a, b] of [
          [stronger, weaker],
          [weaker, stronger],
        ]) {
          const pair = rulesOf([
            { path: "/a/*", ...a },
            { path: "/b/*", ...b },
          ]);
          const expected = requirementOf(pair, "GET", stronger === a ? "/a" : "/b");
          expect(requirementOf(pair, "GET", "/a/../b")).toEqual(expected);
        }
      }
    }
  });
});

describe("ambiguous paths", () => {
  const rules = rulesOf([
    { path: "/admin/*", require: "second_factor", max_age: 300 },
    { path: "/*", require: "none" },
  ]);

  it("INC-05 has at least 200 forms to try", () => {
    expect(new Set(ambiguousPaths).size).toBeGreaterThanOrEqual(200);
  });

  it.each(ambiguousPaths)("INC-05 INC-07 judges %j as /admin", (path) => {
    expect(requirementOf(rules, "GET", path)).toEqual({ level: "second_factor", maxAgeSeconds: 300 });
  });

  it.each(ambiguousPaths)("INC-05 does not open %j by a rule for /public alone", (path) => {
    const open = rulesOf([{ path: "/public/*", require: "none" }]);
    expect(requirementOf(open, "GET", path)).toEqual(secondFactor);
  });

  it.each([
    "/public/a%2fb",
    "/public/a%2Fb%2Fc",
    "/public/a%252fb",
    "/public/a%5cb",
    "/public/a//b",
    "/public/a/../b",
    "/public/a/./b",
    "/public/a%2f..%2fb",
    "/public/a;x=y/b",
    "/public/a%3bb",
    "/public/..a/b..c",
    "/public/v1.",
    "/public/100%25",
    "/public/100%25%20off",
    "/public/caf%C3%A9",
    "/public/what%3f",
    "/public/c%23",
    "/public/%E6%97%A5%E6%9C%AC%2f%E8%AA%9E",
    "/public/https:%2f%2fexample.org%2fa%3fb%3dc",
    "/public/%61",
    "/public%2f",
    "/public%20/",
  ])("INC-05 leaves %j open, every variant of which is below /public", (path) => {
    const open = rulesOf([{ path: "/public/*", require: "none" }]);
    const requirement = requirementOf(open, "GET", path);
    const outside = ["/public%2f", "/public%20/"].includes(path);
    expect(requirement).toEqual(outside ? secondFactor : none);
  });

  it("INC-05 does not trust an escape that no client needs: an origin that never decodes reads another path", () => {
    const open = rulesOf([{ path: "/public/*", require: "none" }]);
    expect(requirementOf(open, "GET", "/%70ublic/x")).toEqual(secondFactor);
    expect(requirementOf(open, "GET", "/public/..%2fpublic/x")).toEqual(none);
  });

  it("INC-07 judges without regard to case, in both directions", () => {
    const mixed = rulesOf([
      { path: "/Admin/*", require: "second_factor", max_age: 300 },
      { path: "/OPEN/*", require: "none" },
    ]);
    for (const path of ["/admin/x", "/ADMIN/x", "/Admin/x", "/adm%C4%B1n/x", "/%EF%BC%A1dmin/x"]) {
      expect(requirementOf(mixed, "GET", path)).toEqual({ level: "second_factor", maxAgeSeconds: 300 });
    }
    expect(requirementOf(mixed, "GET", "/OPEN/x")).toEqual(none);
    expect(requirementOf(mixed, "GET", "/open/x")).toEqual(secondFactor);
  });

  it.each([
    "",
    "x",
    "/%",
    "/%zz",
    "/%c0%af",
    "/%00",
    "/admin%0a",
    "/a?b",
    "/a#b",
    "/\u0000",
    "/%2500",
    "*",
    "http://a/b",
    // Published forms that are no UTF-8: Nimda's among them (CVE-2000-0884).
    "/public/..%c0%afadmin",
    "/public/..%c1%9cadmin",
    "/public/..%c1%1cadmin",
    "/public/..%c0%9vadmin",
    "/public/..%c0%qfadmin",
    "/public/%c0%ae%c0%ae/admin",
    "/public/..%e0%80%afadmin",
    "/public/..%f0%80%80%afadmin",
    "/public/..%fc%80%80%80%80%afadmin",
    "/public/%u002e%u002e/admin",
    "/public/..%u2215admin",
    "/%E1dmin",
    "/%EF%BF%BDdmin",
    "/\uFFFDdmin",
    "/x%25EF%25BF%25BD",
    "/x%25uFFFD",
  ])("INC-01 INC-36 refuses %j: it does not parse", (path) => {
    expect(requirementOf(rules, "GET", path)).toBeNull();
  });
});

describe("the rule that decided", () => {
  const rules = rulesOf([
    { path: "/public/*", require: "none" },
    { path: "/feed", require: "first_factor" },
    { path: "/docs/", require: "first_factor" },
    { path: "/api/*", methods: ["get", "POST"], require: "first_factor" },
    { path: "/pay/*", require: "second_factor", max_age: 300 },
    { path: "/account/*", require: "second_factor", max_age: 60 },
  ]);

  it.each([
    ["GET", "/public/x", "/public/", null],
    ["GET", "/public", "/public/", null],
    ["GET", "/feed", "/feed$", null],
    ["GET", "/docs/", "/docs/$", null],
    ["GET", "/docs/x", "/", null],
    ["HEAD", "/api/x", "/api/", ["GET", "POST"]],
    ["DELETE", "/api/x", "/", null],
    ["GET", "/inbox", "/", null],
    ["GET", "/public/..%2fpay/x", "/pay/", null],
    ["GET", "/pay/..%2faccount", "/account/", null],
    ["GET", "/account/..%2fpay", "/account/", null],
    ["GET", "/public/..%2finbox", "/", null],
  ])("INC-28 is named as the assertion names it: %s %s", (method, path, pathPrefix, methods) => {
    expect(evaluatePolicyForMethodAndPath(rules, method, path)).toMatchObject({ pathPrefix, methods });
  });

  it("INC-28 covers everything where there is no rule", () => {
    expect(evaluatePolicyForMethodAndPath([], "GET", "/x")).toMatchObject({ pathPrefix: "/", methods: null });
    const all = rulesOf([{ path: "/*", require: "none" }]);
    expect(evaluatePolicyForMethodAndPath(all, "GET", "/x")).toMatchObject({
      pathPrefix: "/",
      methods: null,
    });
    expect(
      evaluatePolicyForMethodAndPath(rulesOf([{ path: "/", require: "none" }]), "GET", "/")?.pathPrefix,
    ).toBe("/$");
  });
});
