import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRequestInterpretations, isForwardableMethod } from "../../src/gate/request-interpretations.ts";
import { everywhere, listEntryPoints, statusesAt } from "../support/entry-points.ts";
import { type FakeOrigin, gated, mockOrigin, type Rule, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";

let origin: FakeOrigin;
beforeEach(() => {
  collectLogLines();
  origin = mockOrigin();
});
afterEach(() => vi.restoreAllMocks());

const form = {
  method: "POST",
  body: "a=b",
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
};

/** Everybody may read and comment; to delete needs the second factor. */
const posts: readonly Rule[] = [
  { path: "/posts/*", methods: ["GET", "POST"], require: "none" },
  { path: "/posts/*", require: "second_factor" },
];

const spelledOverrides = [
  "X-HTTP-Method-Override",
  "x-http-method-override",
  "X_HTTP_METHOD_OVERRIDE",
  "X-HTTP~Method.Override",
  "X-HTTP-Method",
  "X_HTTP_Method",
  "X-Method-Override",
  "X|Method|Override",
];

describe("the method of a request", () => {
  const open: readonly Rule[] = [{ path: "/*", require: "none" }];

  it.each(["GET", "QUERY", "PROPFIND", "M-SEARCH", "VERSION-CONTROL", "GE_T"])(
    "INC-31 %s is compared as it is",
    (method) => expect(isForwardableMethod(method)).toBe(true),
  );

  it.each(["get", "Get", "gEt", "propfind", "M-search", "", "G(T", "TRACE", "TRACK", "CONNECT", "trace"])(
    "INC-31 %j is refused by the gate and both endpoints",
    async (method) => {
      expect(isForwardableMethod(method)).toBe(false);
      const asked = {
        method,
        path: "/a",
        query: "",
        headers: new Headers(),
        overridesForwarded: false,
        hosts: [],
      };
      expect(findRequestInterpretations({ policy: [], methodOverride: "drop" }, asked)).toBe("method");
      const [, ...endpoints] = listEntryPoints(open);
      const refused = { "/auth-request": 403, "/forward-auth": 403 };
      expect(await statusesAt(endpoints, "/a", { method })).toEqual(refused);
    },
  );

  it("INC-31 TRACE does not reach the origin, with or without a rule for all methods", async () => {
    for (const METHOD_OVERRIDE of ["drop", "pass", "never"]) {
      const response = await visit(gated(open, { METHOD_OVERRIDE }), "/a", { method: "TRACE" });
      expect(response.status).toBe(400);
    }
    expect(origin.requests).toEqual([]);
  });
});

describe("a header that overrides the method", () => {
  it.each(spelledOverrides)("INC-31 %s does not reach the origin", async (name) => {
    for (const METHOD_OVERRIDE of ["drop", "never"]) {
      const response = await visit(gated(posts, { METHOD_OVERRIDE }), "/posts/1", {
        ...form,
        headers: { [name]: "DELETE" },
      });
      expect(response.status).toBe(200);
    }
    const names = origin.requests.flatMap(({ headers }) => [...headers.keys()]);
    expect(names.filter((header) => header.includes("method"))).toEqual([]);
  });

  it.each(spelledOverrides)("INC-31 %s is judged where it may reach the origin", async (name) => {
    const passing = listEntryPoints(posts, { METHOD_OVERRIDE: "pass" });
    const overriding = { method: "GET", headers: { [name]: "delete" } };
    // The endpoints refuse a cleared header in an odd spelling, with every setting (INC-35).
    const atEndpoints = /^[a-z-]+$/i.test(name) ? 401 : 403;
    const answered = { "/auth-request": atEndpoints, "/forward-auth": atEndpoints };
    expect(await statusesAt(passing, "/posts/1", overriding)).toEqual({ "the gate": 401, ...answered });
    expect(await statusesAt(passing, "/posts/1", { method: "GET" })).toEqual(everywhere(200));
    // Whether a proxy takes such a header away is not known at the endpoints.
    for (const METHOD_OVERRIDE of ["drop", "never"]) {
      const [, ...endpoints] = listEntryPoints(posts, { METHOD_OVERRIDE });
      expect(await statusesAt(endpoints, "/posts/1", overriding)).toEqual(answered);
    }
  });

  it.each([
    "DELETE",
    "delete",
    " DELETE ",
    '"DELETE"',
    "GET, DELETE",
    "DELETE, GET",
    "%44ELETE",
    "DELETE;q=1",
  ])("INC-31 the value %j is one that means DELETE", async (value) => {
    const entryPoints = listEntryPoints(posts, { METHOD_OVERRIDE: "pass" });
    const overriding = { headers: { "X-HTTP-Method-Override": value } };
    expect(await statusesAt(entryPoints, "/posts/1", overriding)).toEqual(everywhere(401));
  });

  it("INC-31 it never makes a requirement weaker", async () => {
    const rules: readonly Rule[] = [{ path: "/a", methods: ["GET"], require: "none" }];
    const entryPoints = listEntryPoints(rules, { METHOD_OVERRIDE: "pass" });
    const overriding = { method: "DELETE", headers: { "X-HTTP-Method-Override": "GET" } };
    expect(await statusesAt(entryPoints, "/a", overriding)).toEqual(everywhere(401));
  });

  it("reaches the origin as it came with METHOD_OVERRIDE=pass", async () => {
    const bindings = gated([{ path: "/*", require: "none" }], { METHOD_OVERRIDE: "pass" });
    await visit(bindings, "/a", { ...form, headers: { "X-HTTP-Method-Override": "PATCH" } });
    expect(origin.only().headers.get("X-HTTP-Method-Override")).toBe("PATCH");
  });

  it("INC-31 INC-01 a request that names more methods than any client would is refused", async () => {
    const many = "A B C D E F G H I";
    const entryPoints = listEntryPoints([{ path: "/*", require: "none" }], { METHOD_OVERRIDE: "pass" });
    for (const { request, unreadable } of entryPoints)
      expect((await request("/a", { headers: { "X-Method-Override": many } })).status).toBe(unreadable);
  });
});

describe("a _method in the query", () => {
  it.each([
    "_method=DELETE",
    "_method=delete",
    "a=b&_method=DELETE",
    "_method=GET&_method=DELETE",
    "%5Fmethod=DELETE",
    "%255fmethod=DELETE",
    "_m%65thod=%44ELETE",
    "_METHOD=DELETE",
    ".method=DELETE",
    "_method[]=DELETE",
    "a;_method=DELETE",
    "_method=+DELETE",
    "+_method=DELETE",
    "%20_method=DELETE",
    "a=1%3B_method=DELETE",
    "_method=%2544ELETE",
  ])("INC-31 is judged under both methods: %s", async (query) => {
    for (const METHOD_OVERRIDE of ["drop", "pass"]) {
      const entryPoints = listEntryPoints(posts, { METHOD_OVERRIDE });
      expect(await statusesAt(entryPoints, `/posts/1?${query}`)).toEqual(everywhere(401));
    }
    expect(origin.requests).toEqual([]);
  });

  it.each(["method=DELETE", "_methods=DELETE", "x=_method", "q=%25", "_method", "_method=", "_method=GET"])(
    "means nothing in %s",
    async (query) => {
      expect(await statusesAt(listEntryPoints(posts), `/posts/1?${query}`)).toEqual(everywhere(200));
    },
  );

  it("means nothing with METHOD_OVERRIDE=never", async () => {
    const entryPoints = listEntryPoints(posts, { METHOD_OVERRIDE: "never" });
    expect(await statusesAt(entryPoints, "/posts/1?_method=DELETE")).toEqual(everywhere(200));
  });
});

describe("a POST whose body may name another method", () => {
  const named: readonly Rule[] = [
    { path: "/posts/*", methods: ["PUT", "PATCH", "DELETE"], require: "second_factor" },
    { path: "/*", require: "none" },
  ];

  it("INC-31 needs what a rule asks for that names another method for the path", async () => {
    const entryPoints = listEntryPoints(named);
    expect(await statusesAt(entryPoints, "/posts/1", form)).toEqual(everywhere(401));
    expect(await statusesAt(entryPoints, "/posts/1")).toEqual(everywhere(200));
    expect(await statusesAt(entryPoints, "/pages/1", form)).toEqual(everywhere(200));
  });

  it("INC-31 needs it whatever the type of the body is: frameworks look into JSON too", async () => {
    for (const type of [
      "application/json",
      "multipart/form-data; boundary=x",
      "text/plain",
      "application/x-other",
    ]) {
      const visited = { ...form, headers: { "Content-Type": type } };
      expect(await statusesAt(listEntryPoints(named), "/posts/1", visited)).toEqual(everywhere(401));
    }
  });

  it("INC-31 GET is among the methods: a POST that a site serves as a GET shows the page", async () => {
    const rules: readonly Rule[] = [
      { path: "/report", methods: ["GET"], require: "second_factor" },
      { path: "/*", require: "none" },
    ];
    expect(await statusesAt(listEntryPoints(rules), "/report", form)).toEqual(everywhere(401));
  });

  it("can be opened alone: a login form needs no rule for the methods that it does not have", async () => {
    const login: readonly Rule[] = [{ path: "/login", methods: ["GET", "POST"], require: "none" }];
    expect(await statusesAt(listEntryPoints(login), "/login", form)).toEqual(everywhere(200));
    expect(await statusesAt(listEntryPoints(login), "/login", { method: "DELETE" })).toEqual(everywhere(401));
  });

  it("INC-31 needs what any rule asks for PUT, PATCH and DELETE with METHOD_OVERRIDE=pass", async () => {
    const login: readonly Rule[] = [{ path: "/login", methods: ["GET", "POST"], require: "none" }];
    const entryPoints = listEntryPoints(login, { METHOD_OVERRIDE: "pass" });
    expect(await statusesAt(entryPoints, "/login", form)).toEqual(everywhere(401));
    const all: readonly Rule[] = [{ path: "/login", require: "none" }];
    expect(await statusesAt(listEntryPoints(all, { METHOD_OVERRIDE: "pass" }), "/login", form)).toEqual(
      everywhere(200),
    );
  });

  it("is a POST and nothing else with METHOD_OVERRIDE=never", async () => {
    const entryPoints = listEntryPoints(named, { METHOD_OVERRIDE: "never" });
    expect(await statusesAt(entryPoints, "/posts/1", form)).toEqual(everywhere(200));
  });
});
