import { describe, expect, it } from "vitest";
import { evaluatePolicyForMethodAndPath } from "../../../src/core/policy/evaluate-policy.ts";
import { type PolicyRule, parsePolicy } from "../../../src/core/policy/policy.ts";
import pathAliases from "../../vectors/path-aliases.json";

function rulesOf(...policy: object[]): readonly PolicyRule[] {
  const parsed = parsePolicy(JSON.stringify(policy));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rules;
}

const levelOf = (rules: readonly PolicyRule[], path: string, method = "GET") =>
  evaluatePolicyForMethodAndPath(rules, method, path)?.requirement.level ?? null;

const everythingElseOpen = { path: "/*", require: "none" };

describe("the data of a page, where assets are open", () => {
  const assets = rulesOf({ path: "/_next/*", require: "none" }, { path: "/page-data/*", require: "none" });

  it.each(["/_next/data/b4Ld/admin.json", "/page-data/admin/page-data.json"])(
    "INC-31 %j needs what the page needs, which no rule names",
    (path) => expect(levelOf(assets, path)).toBe("second_factor"),
  );

  it.each([
    "/_next/static/chunks/main.js",
    "/_next/data/b4Ld",
    "/page-data/app-data.json",
    "/page-data/sq/d/1.json",
  ])("%j needs what the assets need", (path) => expect(levelOf(assets, path)).toBe("none"));
});

describe("aliases of a path that has a rule", () => {
  const below = rulesOf({ path: "/admin/*", require: "second_factor" }, everythingElseOpen);
  const exact = rulesOf({ path: "/settings", require: "second_factor" }, everythingElseOpen);

  it.each(pathAliases)("INC-31 %j needs what /admin/* needs", (path) => {
    expect(levelOf(below, path)).toBe("second_factor");
  });

  it.each([
    "/settings/",
    "/settings//",
    "/settings/.",
    "/SETTINGS/",
    "/settings.json",
    "/settings.json/",
    "/settings/index",
    "/settings/index/",
    "/settings/index.html",
    "/settings/index.php",
    "/settings/index.php/x",
    "/settings/Default.aspx",
    "/settings.php/x",
    "/index.php/settings",
    "/index.php/settings/",
    "/settings%2f",
    "/settings%20/",
    "/_next/data/b4Ld/settings.json",
    "/page-data/settings/page-data.json",
    "/settings/__data.json",
    "/settings/_payload.json",
  ])("INC-31 %j needs what /settings needs", (path) => {
    expect(levelOf(exact, path)).toBe("second_factor");
  });

  it.each([
    "/administration",
    "/administration.json",
    "/admin-area",
    "/x/admin",
    "/x/admin.json",
    "/index.html/x",
    "/settings/x",
    "/settings/indexes/x",
    "/settingsx",
    "/default",
    "/",
    "/index.php",
    "/blog.json",
  ])("%j is another path, and stays open", (path) => {
    const rules = rulesOf(
      { path: "/admin/*", require: "second_factor" },
      { path: "/settings", require: "second_factor" },
      everythingElseOpen,
    );
    expect(levelOf(rules, path)).toBe("none");
  });

  it.each([
    ["/", "/index.html"],
    ["/", "/index.php"],
    ["/", "/INDEX.htm"],
    ["/index.php", "/"],
    ["/index.php", "/index.html"],
    ["/index.php", "/index.php/x"],
    ["/docs/index.html", "/docs"],
    ["/docs/index.html", "/docs/"],
    ["/admin.php", "/admin"],
    ["/admin.php", "/admin/"],
    ["/admin.php", "/admin.php/x"],
    ["/admin.php", "/admin.php5"],
    ["/login.aspx", "/login"],
    ["/settings/", "/settings"],
    ["/admin.php/*", "/admin/x"],
  ])("INC-31 a rule for %j holds for %j too", (path, alias) => {
    const rules = rulesOf({ path, require: "second_factor" }, everythingElseOpen);
    expect(levelOf(rules, alias)).toBe("second_factor");
  });

  it("INC-31 an alias never makes a requirement weaker", () => {
    const rules = rulesOf(
      { path: "/open", require: "none" },
      { path: "/open/*", require: "none" },
      { path: "/*", require: "second_factor", max_age: 60 },
    );
    for (const path of ["/open.json", "/index.php/open", "/open.php/x", "/open::$DATA"])
      expect(evaluatePolicyForMethodAndPath(rules, "GET", path)?.requirement).toEqual({
        level: "second_factor",
        maxAgeSeconds: 60,
      });
    const alone = rulesOf({ path: "/open/*", require: "none" });
    expect(levelOf(alone, "/open.json")).toBe("second_factor");
  });

  it("INC-31 of the rules for an alias the first counts, as for any path", () => {
    const rules = rulesOf(
      { path: "/admin/help/*", require: "none" },
      { path: "/admin/*", methods: ["POST"], require: "second_factor", max_age: 60 },
      { path: "/admin/*", require: "first_factor" },
      everythingElseOpen,
    );
    expect(levelOf(rules, "/index.php/admin/help/x")).toBe("none");
    expect(levelOf(rules, "/index.php/admin/x")).toBe("first_factor");
    expect(levelOf(rules, "/index.php/admin/x", "POST")).toBe("second_factor");
  });
});

describe("a policy that means what it says", () => {
  it("is not stricter for the suffix of a path that a rule opens exactly", () => {
    const rules = rulesOf(
      { path: "/manifest.json", require: "none" },
      { path: "/manifest", require: "second_factor" },
      { path: "/blog/feed.xml", require: "none" },
      { path: "/blog/*", require: "second_factor" },
    );
    expect(levelOf(rules, "/manifest.json")).toBe("none");
    expect(levelOf(rules, "/manifest.xml")).toBe("second_factor");
    expect(levelOf(rules, "/blog/feed.xml")).toBe("none");
    expect(levelOf(rules, "/blog/feed.json")).toBe("second_factor");
  });

  it("tells /v1.5/* from /v1/* where it has a rule for both", () => {
    const rules = rulesOf(
      { path: "/v1/*", require: "second_factor" },
      { path: "/v1.5/*", require: "none" },
      everythingElseOpen,
    );
    expect(levelOf(rules, "/v1.5/x")).toBe("none");
    expect(levelOf(rules, "/v1/x")).toBe("second_factor");
    expect(levelOf(rules, "/v1.6/x")).toBe("second_factor");
  });

  it("opens files by a rule for a directory, whatever the last rule asks for", () => {
    const rules = rulesOf(
      { path: "/static/*", require: "none" },
      { path: "/favicon.ico", require: "none" },
      { path: "/index.php/*", require: "none" },
      { path: "/*", require: "second_factor" },
    );
    for (const path of ["/static/app.min.js", "/static/a/index.html", "/favicon.ico", "/index.php/blog"])
      expect([path, levelOf(rules, path)]).toEqual([path, "none"]);
  });

  it("has no rule for /index.php/* that holds for every path of the site", () => {
    const rules = rulesOf({ path: "/index.php/*", require: "second_factor" }, everythingElseOpen);
    expect(levelOf(rules, "/blog/x")).toBe("none");
    expect(levelOf(rules, "/index.php/blog/x")).toBe("second_factor");
  });
});
