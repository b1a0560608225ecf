import { describe, expect, it } from "vitest";
import { parseReturnPathOrRoot } from "../../../src/core/parsing/return-path.ts";
import goodPaths from "../../vectors/good-return-paths.json";
import hostilePaths from "../../vectors/hostile-return-paths.json";
import normalisedPaths from "../../vectors/normalised-return-paths.json";

describe("return path", () => {
  it("INC-09 has at least 200 hostile forms to try", () => {
    expect(new Set(hostilePaths).size).toBeGreaterThanOrEqual(200);
  });

  it.each(hostilePaths)("INC-09 WB-04 sends %j to /", (input) => {
    expect(parseReturnPathOrRoot(input)).toBe("/");
  });

  it("INC-09 sends text of more than 4096 characters to /, before and after encoding", () => {
    expect(parseReturnPathOrRoot(`/${"a".repeat(4095)}`)).toBe(`/${"a".repeat(4095)}`);
    for (const input of [
      `/${"a".repeat(4096)}`,
      `/a?${"x".repeat(4096)}`,
      `/a#${"x".repeat(4096)}`,
      `/${"é".repeat(1200)}`,
    ]) {
      expect(parseReturnPathOrRoot(input)).toBe("/");
    }
  });

  it.each(["/%E1dmin", "/\uFFFDdmin", "/%EF%BF%BDdmin", "/a?b=\uFFFD", "/a#\uFFFD"])(
    "INC-36 sends %j, which has bytes that are not UTF-8, to /",
    (input) => {
      expect(parseReturnPathOrRoot(input)).toBe("/");
    },
  );

  it("keeps escapes that are not UTF-8 in the query: they come back to the site as they were", () => {
    expect(parseReturnPathOrRoot("/search?q=%E1")).toBe("/search?q=%E1");
  });

  it("INC-09 sends endless encoding to /", () => {
    expect(parseReturnPathOrRoot(`/%${"25".repeat(1900)}2fevil.example`)).toBe("/");
  });

  it("INC-09 sends nothing to /", () => {
    expect(parseReturnPathOrRoot(null)).toBe("/");
    expect(parseReturnPathOrRoot(undefined)).toBe("/");
    expect(parseReturnPathOrRoot("")).toBe("/");
  });

  it.each(goodPaths)("keeps %j as it is", (input) => {
    expect(parseReturnPathOrRoot(input)).toBe(input);
  });

  it.each(normalisedPaths)("brings $input into its normal form $path", ({ input, path }) => {
    expect(parseReturnPathOrRoot(input)).toBe(path);
  });

  it.each([...goodPaths, ...hostilePaths])("WB-04 stays on the host and is stable after %j", (input) => {
    const path = parseReturnPathOrRoot(input);
    const url = new URL(path, "https://app.example:8443/api/auth/second-factor");
    expect(url.origin).toBe("https://app.example:8443");
    expect(path).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/);
    expect(parseReturnPathOrRoot(path)).toBe(path);
  });
});
