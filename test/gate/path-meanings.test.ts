import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { everywhere, listEntryPoints, statusesAt } from "../support/entry-points.ts";
import { type FakeOrigin, gated, mockOrigin, type Rule, visit } from "../support/gate.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import pathAliases from "../vectors/path-aliases.json";

let origin: FakeOrigin;
let lines: readonly string[];
beforeEach(() => {
  lines = collectLogLines();
  origin = mockOrigin();
});
afterEach(() => vi.restoreAllMocks());

describe("a path with bytes that are not UTF-8", () => {
  const rules: readonly Rule[] = [
    { path: "/\u00E1dmin/*", require: "second_factor" },
    { path: "/*", require: "none" },
  ];

  it.each([
    "/%E1dmin/x",
    "/%EF%BF%BDdmin/x",
    "/x%25EF%25BF%25BD",
    "/%C3%28",
    "/a/%FF/b",
    "/x%2f%E1",
    "/%E1dmin.json",
  ])("INC-36 is rejected for every client: %s", async (path) => {
    for (const { request, unreadable, name } of listEntryPoints(rules))
      expect([name, (await request(path)).status]).toEqual([name, unreadable]);
    expect(origin.requests).toEqual([]);
  });

  it("INC-36 is refused where the proxy hands the bytes on as they are", async () => {
    const [, ...endpoints] = listEntryPoints(rules);
    for (const path of ["/\uFFFDdmin/x", "/x?a=\uFFFD", "/x/\uFFFD"])
      for (const { request } of endpoints) expect((await request(path)).status).toBe(403);
  });

  it("passes with bytes that are not UTF-8 in its query, which no rule is about", async () => {
    expect(await statusesAt(listEntryPoints(rules), "/search?q=%E1")).toEqual(everywhere(200));
  });

  it("INC-36 the same name in UTF-8 is judged", async () => {
    expect(await statusesAt(listEntryPoints(rules), "/%C3%A1dmin/x")).toEqual(everywhere(401));
  });
});

describe("a path that a framework serves as one with a rule", () => {
  const rules: readonly Rule[] = [
    { path: "/admin/*", require: "second_factor" },
    { path: "/*", require: "none" },
  ];

  it.each(pathAliases)("INC-31 needs what the rule asks for: %s", async (path) => {
    expect(await statusesAt(listEntryPoints(rules), path)).toEqual(everywhere(401));
    expect(origin.requests).toEqual([]);
  });
});

describe("a policy that may let through more than its author meant", () => {
  const weakLast: readonly Rule[] = [
    { path: "/admin/*", require: "second_factor" },
    { path: "/hooks", methods: ["POST"], require: "none" },
    { path: "/*", require: "first_factor" },
  ];
  const warnings = () => parseLines(lines).filter(({ level }) => level === "warn");

  it("INC-31 is warned of once, with the first request", async () => {
    const bindings = gated(weakLast);
    await visit(bindings, "/a");
    await visit(bindings, "/b");
    expect(warnings()).toEqual([
      expect.objectContaining({
        event: "policy.last_rule_weaker",
        last_rule: "[2] /*",
        stricter_rule: "[0] /admin/*",
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      }),
      expect.objectContaining({
        event: "policy.post_weaker",
        rule: "[1] /hooks",
        method: "GET",
        counts: false,
      }),
    ]);
  });

  it("is not warned of where there is nothing to say", async () => {
    await visit(gated([{ path: "/public/*", require: "none" }]), "/a");
    for (const METHOD_OVERRIDE of ["pass", "never"])
      await visit(gated([{ path: "/hooks", methods: ["POST"], require: "none" }], { METHOD_OVERRIDE }), "/a");
    expect(warnings()).toEqual([]);
  });
});
