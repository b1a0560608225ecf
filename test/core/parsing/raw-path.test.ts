import { describe, expect, it } from "vitest";
import {
  hasPathVariantAtOrBelow,
  isPathAtOrBelow,
  isPlainOrigin,
  isValidPathWithoutDotOrEmptySegments,
  rawPathOf,
} from "../../../src/core/parsing/raw-path.ts";

describe("the path of an address", () => {
  it.each([
    ["https://a.test/", "/"],
    ["https://a.test/x/y?q=/z", "/x/y"],
    ["https://a.test:8787/x#y", "/x"],
    ["https://a.test/x?a#b?c", "/x"],
    ["https://[::1]:80/x", "/x"],
    ["https://a.test//b.test/x", "//b.test/x"],
    ["https://a.test/x\\..\\y", "/x\\..\\y"],
    ["https://a.test/%2e%2e/%61", "/%2e%2e/%61"],
    ["https://a.test/x/../y", "/x/../y"],
    ["https://a.test/http://b.test/", "/http://b.test/"],
    ["http://a.test*", ""],
    ["http://a.test", ""],
  ])("INC-34 in %j is %j, as it came", (url, path) => {
    expect(rawPathOf(url)).toBe(path);
  });
});

describe("the origin of an address", () => {
  it.each([
    "http://a.test",
    "https://A_b.test:8787",
    "http://127.0.0.1:80",
    "http://[::1]",
    "http://[2001:db8::1]:443",
  ])("INC-34 is plain in %j", (text) => expect(isPlainOrigin(text)).toBe(true));

  it.each([
    "http://a\\admin",
    "http://a\\admin?",
    "http://a?",
    "http://a#",
    "http://u@a",
    "http://u:p@a",
    "http://a:80:80",
    "http://a%2fadmin",
    "http://a,b",
    "http://a b",
    "http://",
    "foo://a",
    "http:a",
  ])("INC-34 is not plain in %j, where the host may end early", (text) => {
    expect(isPlainOrigin(text)).toBe(false);
  });
});

describe("a path in normal form", () => {
  it.each([
    "/",
    "/x",
    "/x/",
    "/x.css",
    "/.well-known/jwks.json",
    "/..x/x../...",
    "/v1/users/ada%40example.com",
    "/v1/users/a%2Fb",
    "/a;b=c/~!$&'()*+,=:@-_",
  ])("INC-34 is %j", (path) => {
    expect(isValidPathWithoutDotOrEmptySegments(path)).toBe(true);
  });

  it.each([
    "",
    "x",
    "//",
    "//x",
    "/x//",
    "/x//y",
    "/.",
    "/..",
    "/x/.",
    "/x/..",
    "/x/./y",
    "/x/../y",
    "/%2e",
    "/%2E%2e/x",
    "/.%2e/x",
    "/x/%2e./y",
    "/x\\y",
    "/x%",
    "/x%zz",
    "/x%1",
    "/x y",
    "/\t",
    "/é",
    '/"',
    "/<>",
    "/x?y",
    "/x#y",
    "/x\u0000",
  ])("INC-34 is not %j", (path) => {
    expect(isValidPathWithoutDotOrEmptySegments(path)).toBe(false);
  });
});

describe("a path below another one", () => {
  it.each([
    ["/api/auth", true],
    ["/api/auth/", true],
    ["/api/auth/x", true],
    ["/api/authentication", false],
    ["/api/Auth", false],
    ["/api", false],
    ["/x/api/auth", false],
  ])("is compared as it is: %j", (path, below) => {
    expect(isPathAtOrBelow("/api/auth", path)).toBe(below);
  });

  it.each([
    "/api/auth",
    "/API/AUTH/x",
    "//api/auth",
    "/api//auth/x",
    "/api/%61uth/x",
    "/api/%2561uth",
    "/api%2fauth/x",
    "/api/auth%2fx",
    "/api\\auth\\x",
    "/api/auth;x/y",
    "/api/auth./x",
    "/api/auth%20/x",
    "/api/auth%3fx",
    "/x/../api/auth",
    "/x/..%2fapi/auth/y",
    "/api/auth/../x",
    "/api/auth/x/../../y",
    "/\uff41pi/auth",
  ])("INC-34 is read in %j by some server", (path) => {
    expect(hasPathVariantAtOrBelow("/api/auth", path)).toBe(true);
  });

  it.each(["/", "/api", "/api/authentication", "/api/auth-x/y", "/x/api/auth", "/api/authx", "/apis/auth"])(
    "INC-34 is not read in %j",
    (path) => {
      expect(hasPathVariantAtOrBelow("/api/auth", path)).toBe(false);
    },
  );

  it("INC-34 is not known of a path that does not parse", () => {
    expect(hasPathVariantAtOrBelow("/api/auth", "/%zz")).toBeNull();
    expect(hasPathVariantAtOrBelow("/api/auth", "")).toBeNull();
  });

  it("INC-34 is found for a base path with capitals, too", () => {
    expect(hasPathVariantAtOrBelow("/Door", "/DOOR/x")).toBe(true);
  });
});
