import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { everywhere, listEntryPoints, statusesAt } from "../support/entry-points.ts";
import { type FakeOrigin, gated, mockOrigin, type Rule, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";

let origin: FakeOrigin;
beforeEach(() => {
  collectLogLines();
  origin = mockOrigin();
});
afterEach(() => vi.restoreAllMocks());

describe("the destination of a COPY or MOVE", () => {
  const rules: readonly Rule[] = [
    { path: "/private/*", require: "second_factor" },
    { path: "/shared/drafts/*", require: "second_factor" },
    { path: "/*", require: "none" },
  ];
  const to = (destination: string, method = "COPY") => ({ method, headers: { Destination: destination } });

  it.each([
    "/private/a",
    "/private",
    "/PRIVATE/a",
    "/shared/../private/a",
    "/%70rivate/a",
    "/shared/%2e%2e/private/a",
    "/shared/..;/private/a",
    "/index.php/private/a",
    "https://site.example/private/a",
    "http://site.example/private/a",
    "HTTPS://SITE.example/private/a",
    "https://site.example:443/private/a",
  ])("INC-31 is judged like the path: %s", async (destination) => {
    for (const method of ["COPY", "MOVE", "PUT", "POST"])
      expect(await statusesAt(listEntryPoints(rules), "/a", { ...to(destination, method) })).toEqual(
        everywhere(401),
      );
    expect(origin.requests).toEqual([]);
  });

  it.each(["/b", "/b/", "/b%20c", "/100%25"])("passes to %s, as it came", async (destination) => {
    expect(await statusesAt(listEntryPoints(rules), "/a/x", to(destination, "MOVE"))).toEqual(
      everywhere(200),
    );
    expect(origin.only().headers.get("Destination")).toBe(destination);
  });

  it.each([
    "https://other.example/b",
    "https://site.example.other.example/b",
    "https://site.example@other.example/b",
    "https://user@site.example/b",
    "https://site.example:8443/b",
    "https://site.example\\@other.example/b",
    "//other.example/b",
    "ftp://site.example/b",
    "file:///b",
    "b",
    "",
    "*",
    "https://site.example",
    "/b?x",
    "/b#x",
    "/b, /c",
    "/b /c",
    "/%",
    "/%00",
    "/%E1",
    "/%EF%BF%BD",
  ])("INC-31 INC-36 is refused where it names another host or can't be read: %j", async (destination) => {
    for (const { name, request, unreadable } of listEntryPoints(rules)) {
      const { status } = await request("/a", to(destination));
      expect([name, status]).toEqual([name, unreadable]);
    }
  });

  it("says at the gate what is wrong", async () => {
    const response = await visit(gated(rules), "/a", to("https://other.example/b"));
    expect(await response.json()).toMatchObject({
      code: "malformed_request",
      detail: "The header Destination can't be read, or names another host.",
    });
  });

  it("INC-31 the source needs what it needs to be read, and at a MOVE to be deleted", async () => {
    for (const method of ["GET", "DELETE"]) {
      const read: readonly Rule[] = [
        { path: "/private/*", methods: [method], require: "second_factor" },
        { path: "/*", require: "none" },
      ];
      const entryPoints = listEntryPoints(read);
      const copied = method === "GET" ? 401 : 200;
      expect(await statusesAt(entryPoints, "/private/a", to("/b"))).toEqual(everywhere(copied));
      expect(await statusesAt(entryPoints, "/private/a", to("/b", "MOVE"))).toEqual(everywhere(401));
    }
  });

  it("INC-31 the destination needs what it needs to be written and to be deleted", async () => {
    for (const method of ["PUT", "DELETE"]) {
      const write: readonly Rule[] = [
        { path: "/private/*", methods: [method], require: "second_factor" },
        { path: "/*", require: "none" },
      ];
      for (const moving of ["COPY", "MOVE"])
        expect(await statusesAt(listEntryPoints(write), "/a", to("/private/b", moving))).toEqual(
          everywhere(401),
        );
    }
  });

  it("INC-31 what lies below goes along, at both ends", async () => {
    const entryPoints = listEntryPoints(rules);
    for (const path of ["/", "/shared", "/shared/"]) {
      expect(await statusesAt(entryPoints, path, to("/b"))).toEqual(everywhere(401));
      expect(await statusesAt(entryPoints, "/a", to(path, "MOVE"))).toEqual(everywhere(401));
      expect(await statusesAt(entryPoints, path)).toEqual(everywhere(200));
    }
    expect(await statusesAt(entryPoints, "/shared/x", to("/b"))).toEqual(everywhere(200));
  });

  it("is judged under the name that the proxy says the site has", async () => {
    const [, ...endpoints] = listEntryPoints(rules);
    const headers = { Destination: "https://files.example/b", "X-Forwarded-Host": "files.example" };
    for (const { request } of endpoints) {
      expect((await request("/a", { method: "MOVE", headers })).status).toBe(200);
      const there = { ...headers, Destination: "https://files.example/private/b" };
      expect((await request("/a", { method: "MOVE", headers: there })).status).toBe(401);
    }
  });
});
