import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FakeOrigin, gated, type Rule, standOrigin, visit } from "../support/gate.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { everywhere, openDoors, statusesAt } from "../support/three-doors.ts";
import pathVariants from "../vectors/path-variants.json";

let origin: FakeOrigin;
let lines: readonly string[];
beforeEach(() => {
  lines = collectLogLines();
  origin = standOrigin();
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
    const passing = openDoors(posts, { METHOD_OVERRIDE: "pass" });
    const overriding = { method: "GET", headers: { [name]: "delete" } };
    // The endpoints refuse a cleared header in an odd spelling, with every setting (INC-35).
    const atEndpoints = /^[a-z-]+$/i.test(name) ? 401 : 403;
    const answered = { "/auth-request": atEndpoints, "/forward-auth": atEndpoints };
    expect(await statusesAt(passing, "/posts/1", overriding)).toEqual({ "the gate": 401, ...answered });
    expect(await statusesAt(passing, "/posts/1", { method: "GET" })).toEqual(everywhere(200));
    // Whether a proxy takes such a header away is not known at the endpoints.
    for (const METHOD_OVERRIDE of ["drop", "never"]) {
      const [, ...endpoints] = openDoors(posts, { METHOD_OVERRIDE });
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
    const doors = openDoors(posts, { METHOD_OVERRIDE: "pass" });
    const overriding = { headers: { "X-HTTP-Method-Override": value } };
    expect(await statusesAt(doors, "/posts/1", overriding)).toEqual(everywhere(401));
  });

  it("INC-31 it never makes a requirement weaker", async () => {
    const rules: readonly Rule[] = [{ path: "/a", methods: ["GET"], require: "none" }];
    const doors = openDoors(rules, { METHOD_OVERRIDE: "pass" });
    const overriding = { method: "DELETE", headers: { "X-HTTP-Method-Override": "GET" } };
    expect(await statusesAt(doors, "/a", overriding)).toEqual(everywhere(401));
  });

  it("reaches the origin as it came with METHOD_OVERRIDE=pass", async () => {
    const bindings = gated([{ path: "/*", require: "none" }], { METHOD_OVERRIDE: "pass" });
    await visit(bindings, "/a", { ...form, headers: { "X-HTTP-Method-Override": "PATCH" } });
    expect(origin.only().headers.get("X-HTTP-Method-Override")).toBe("PATCH");
  });

  it("INC-31 INC-01 a request that names more methods than any client would is refused", async () => {
    const many = "A B C D E F G H I";
    const doors = openDoors([{ path: "/*", require: "none" }], { METHOD_OVERRIDE: "pass" });
    for (const { request, unreadable } of doors)
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
      const doors = openDoors(posts, { METHOD_OVERRIDE });
      expect(await statusesAt(doors, `/posts/1?${query}`)).toEqual(everywhere(401));
    }
    expect(origin.requests).toEqual([]);
  });

  it.each(["method=DELETE", "_methods=DELETE", "x=_method", "q=%25", "_method", "_method=", "_method=GET"])(
    "means nothing in %s",
    async (query) => {
      expect(await statusesAt(openDoors(posts), `/posts/1?${query}`)).toEqual(everywhere(200));
    },
  );

  it("means nothing with METHOD_OVERRIDE=never", async () => {
    const doors = openDoors(posts, { METHOD_OVERRIDE: "never" });
    expect(await statusesAt(doors, "/posts/1?_method=DELETE")).toEqual(everywhere(200));
  });
});

describe("a POST whose body may name another method", () => {
  const named: readonly Rule[] = [
    { path: "/posts/*", methods: ["PUT", "PATCH", "DELETE"], require: "second_factor" },
    { path: "/*", require: "none" },
  ];

  it("INC-31 needs what a rule asks for that names another method for the path", async () => {
    const doors = openDoors(named);
    expect(await statusesAt(doors, "/posts/1", form)).toEqual(everywhere(401));
    expect(await statusesAt(doors, "/posts/1")).toEqual(everywhere(200));
    expect(await statusesAt(doors, "/pages/1", form)).toEqual(everywhere(200));
  });

  it("INC-31 needs it whatever the type of the body is: frameworks look into JSON too", async () => {
    for (const type of [
      "application/json",
      "multipart/form-data; boundary=x",
      "text/plain",
      "application/x-other",
    ]) {
      const visited = { ...form, headers: { "Content-Type": type } };
      expect(await statusesAt(openDoors(named), "/posts/1", visited)).toEqual(everywhere(401));
    }
  });

  it("INC-31 GET is among the methods: a POST that a site serves as a GET shows the page", async () => {
    const rules: readonly Rule[] = [
      { path: "/report", methods: ["GET"], require: "second_factor" },
      { path: "/*", require: "none" },
    ];
    expect(await statusesAt(openDoors(rules), "/report", form)).toEqual(everywhere(401));
  });

  it("can be opened alone: a login form needs no rule for the methods that it does not have", async () => {
    const login: readonly Rule[] = [{ path: "/login", methods: ["GET", "POST"], require: "none" }];
    expect(await statusesAt(openDoors(login), "/login", form)).toEqual(everywhere(200));
    expect(await statusesAt(openDoors(login), "/login", { method: "DELETE" })).toEqual(everywhere(401));
  });

  it("INC-31 needs what any rule asks for PUT, PATCH and DELETE with METHOD_OVERRIDE=pass", async () => {
    const login: readonly Rule[] = [{ path: "/login", methods: ["GET", "POST"], require: "none" }];
    const doors = openDoors(login, { METHOD_OVERRIDE: "pass" });
    expect(await statusesAt(doors, "/login", form)).toEqual(everywhere(401));
    const all: readonly Rule[] = [{ path: "/login", require: "none" }];
    expect(await statusesAt(openDoors(all, { METHOD_OVERRIDE: "pass" }), "/login", form)).toEqual(
      everywhere(200),
    );
  });

  it("is a POST and nothing else with METHOD_OVERRIDE=never", async () => {
    const doors = openDoors(named, { METHOD_OVERRIDE: "never" });
    expect(await statusesAt(doors, "/posts/1", form)).toEqual(everywhere(200));
  });
});

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
      expect(await statusesAt(openDoors(rules), "/a", { ...to(destination, method) })).toEqual(
        everywhere(401),
      );
    expect(origin.requests).toEqual([]);
  });

  it.each(["/b", "/b/", "https://site.example/b%20c", "/100%25"])(
    "passes to %s, as it came",
    async (destination) => {
      expect(await statusesAt(openDoors(rules), "/a/x", to(destination, "MOVE"))).toEqual(everywhere(200));
      expect(origin.only().headers.get("Destination")).toBe(destination);
    },
  );

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
    for (const { name, request, unreadable } of openDoors(rules)) {
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
      const doors = openDoors(read);
      const copied = method === "GET" ? 401 : 200;
      expect(await statusesAt(doors, "/private/a", to("/b"))).toEqual(everywhere(copied));
      expect(await statusesAt(doors, "/private/a", to("/b", "MOVE"))).toEqual(everywhere(401));
    }
  });

  it("INC-31 the destination needs what it needs to be written and to be deleted", async () => {
    for (const method of ["PUT", "DELETE"]) {
      const write: readonly Rule[] = [
        { path: "/private/*", methods: [method], require: "second_factor" },
        { path: "/*", require: "none" },
      ];
      for (const moving of ["COPY", "MOVE"])
        expect(await statusesAt(openDoors(write), "/a", to("/private/b", moving))).toEqual(everywhere(401));
    }
  });

  it("INC-31 what lies below goes along, at both ends", async () => {
    const doors = openDoors(rules);
    for (const path of ["/", "/shared", "/shared/"]) {
      expect(await statusesAt(doors, path, to("/b"))).toEqual(everywhere(401));
      expect(await statusesAt(doors, "/a", to(path, "MOVE"))).toEqual(everywhere(401));
      expect(await statusesAt(doors, path)).toEqual(everywhere(200));
    }
    expect(await statusesAt(doors, "/shared/x", to("/b"))).toEqual(everywhere(200));
  });

  it("is judged under the name that the proxy says the site has", async () => {
    const [, ...endpoints] = openDoors(rules);
    const headers = { Destination: "https://files.example/b", "X-Forwarded-Host": "files.example" };
    for (const { request } of endpoints) {
      expect((await request("/a", { method: "MOVE", headers })).status).toBe(200);
      const there = { ...headers, Destination: "https://files.example/private/b" };
      expect((await request("/a", { method: "MOVE", headers: there })).status).toBe(401);
    }
  });
});

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
  ])("INC-36 is refused, whoever asks: %s", async (path) => {
    for (const { request, unreadable, name } of openDoors(rules))
      expect([name, (await request(path)).status]).toEqual([name, unreadable]);
    expect(origin.requests).toEqual([]);
  });

  it("INC-36 is refused where the proxy hands the bytes on as they are", async () => {
    const [, ...endpoints] = openDoors(rules);
    for (const { request } of endpoints) expect((await request("/\uFFFDdmin/x")).status).toBe(403);
  });

  it("passes with bytes that are not UTF-8 in its query, which no rule is about", async () => {
    expect(await statusesAt(openDoors(rules), "/search?q=%E1")).toEqual(everywhere(200));
  });

  it("INC-36 the same name in UTF-8 is judged", async () => {
    expect(await statusesAt(openDoors(rules), "/%C3%A1dmin/x")).toEqual(everywhere(401));
  });
});

describe("a path that a framework serves as one with a rule", () => {
  const rules: readonly Rule[] = [
    { path: "/admin/*", require: "second_factor" },
    { path: "/*", require: "none" },
  ];

  it.each(pathVariants)("INC-31 needs what the rule asks for: %s", async (path) => {
    expect(await statusesAt(openDoors(rules), path)).toEqual(everywhere(401));
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
