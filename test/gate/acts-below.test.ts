import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { everywhere, listEntryPoints, statusesAt } from "../support/entry-points.ts";
import { type FakeOrigin, mintSessionToken, mockOrigin, type Rule } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { firstFactorOnly } from "../support/session-token.ts";

let origin: FakeOrigin;
beforeEach(() => {
  collectLogLines();
  origin = mockOrigin();
});
afterEach(() => vi.restoreAllMocks());

const methodsOfCollections = [
  ["DELETE", {}],
  ["DELETE", { Depth: "0" }],
  ["PROPFIND", {}],
  ["PROPFIND", { Depth: "infinity" }],
  ["PROPFIND", { Depth: "1" }],
  ["PROPFIND", { Depth: "1,noroot" }],
  ["PROPFIND", { Depth: "0, infinity" }],
  ["PROPFIND", { Depth: "0", Connection: "close, Depth" }],
  ["LOCK", {}],
  ["LOCK", { Depth: "infinity" }],
  ["UNLOCK", {}],
  ["REPORT", { Depth: "0" }],
  ["SEARCH", {}],
  ["ACL", {}],
  ["PURGE", {}],
] as const;

describe("a method that acts on everything below its path", () => {
  const rules: readonly Rule[] = [
    { path: "/files/secret/*", require: "second_factor" },
    { path: "/files/*", require: "first_factor" },
    { path: "/*", require: "first_factor" },
  ];
  const entryPoints = listEntryPoints(rules);

  describe.each(methodsOfCollections)("%s %j", (method, headers) => {
    it.each(["/files", "/files/", "/FILES/", "/%66iles/", "/index.php/files/", "/files/x/.."])(
      "INC-31 needs at %s what is required below",
      async (path) => {
        const session = await mintSessionToken(firstFactorOnly);
        expect(await statusesAt(entryPoints, path, { method, headers, session })).toEqual(everywhere(401));
        expect(origin.requests).toEqual([]);
        const strong = await mintSessionToken();
        expect(await statusesAt(entryPoints, path, { method, headers, session: strong })).toEqual(
          everywhere(200),
        );
      },
    );

    it("passes where no rule below is stricter: a REST call goes on as before", async () => {
      const session = await mintSessionToken(firstFactorOnly);
      for (const path of ["/files/5", "/files/5/", "/files/secrets"])
        expect(await statusesAt(entryPoints, path, { method, headers, session })).toEqual(everywhere(200));
    });
  });

  // The runtime of the gate refuses these methods by itself.
  it.each(["UNBIND", "REBIND", "BASELINE-CONTROL", "BDELETE"])(
    "INC-31 %s needs it through a proxy",
    async (method) => {
      const session = await mintSessionToken(firstFactorOnly);
      const [, ...endpoints] = entryPoints;
      const { "the gate": _, ...refused } = everywhere(401);
      expect(await statusesAt(endpoints, "/files/", { method, session })).toEqual(refused);
    },
  );

  it.each([
    ["PROPFIND", { Depth: "0" }],
    ["LOCK", { Depth: "0" }],
    ["PROPPATCH", {}],
    ["MKCOL", {}],
    ["GET", {}],
    ["PUT", {}],
    ["POST", { Depth: "infinity" }],
  ])("%s %j acts on the path alone", async (method, headers) => {
    const session = await mintSessionToken(firstFactorOnly);
    expect(await statusesAt(entryPoints, "/files/", { method, headers, session })).toEqual(everywhere(200));
  });

  it("INC-31 is judged so as well when it comes in the query, in a header or in a form", async () => {
    const session = await mintSessionToken(firstFactorOnly);
    const form = { method: "POST", session };
    expect(await statusesAt(entryPoints, "/files/?_method=DELETE", form)).toEqual(everywhere(401));
    const passing = listEntryPoints(rules, { METHOD_OVERRIDE: "pass" });
    expect(await statusesAt(passing, "/files/", form)).toEqual(everywhere(401));
    expect(await statusesAt(passing, "/files/5", form)).toEqual(everywhere(200));
    const headers = { "X-HTTP-Method-Override": "PROPFIND" };
    expect(await statusesAt(passing, "/files/", { method: "PUT", headers, session })).toEqual(
      everywhere(401),
    );
    const named = listEntryPoints([
      { path: "/files/secret/*", methods: ["DELETE"], require: "second_factor" },
      { path: "/files/*", require: "first_factor" },
    ]);
    expect(await statusesAt(named, "/files/", form)).toEqual(everywhere(401));
  });
});

describe("a rule for exactly one path", () => {
  const opened: readonly Rule[] = [{ path: "/", require: "none" }];

  it.each(methodsOfCollections)("INC-31 does not open what lies below for %s %j", async (method, headers) => {
    expect(await statusesAt(listEntryPoints(opened), "/", { method, headers })).toEqual(everywhere(401));
    const session = await mintSessionToken(firstFactorOnly);
    const home = listEntryPoints([
      { path: "/home/", require: "none" },
      { path: "/*", require: "first_factor" },
    ]);
    expect(await statusesAt(home, "/home/", { method, headers })).toEqual(everywhere(401));
    expect(await statusesAt(home, "/home/", { method, headers, session })).toEqual(everywhere(200));
  });

  it("still opens the path itself", async () => {
    for (const method of ["GET", "POST"])
      expect(await statusesAt(listEntryPoints(opened), "/", { method })).toEqual(everywhere(200));
    expect(
      await statusesAt(listEntryPoints(opened), "/", { method: "PROPFIND", headers: { Depth: "0" } }),
    ).toEqual(everywhere(200));
  });

  it("decides for a method that it names", async () => {
    const rules: readonly Rule[] = [{ path: "/session", methods: ["DELETE"], require: "none" }];
    expect(await statusesAt(listEntryPoints(rules), "/session", { method: "DELETE" })).toEqual(
      everywhere(200),
    );
  });
});
