import { describe, expect, it } from "vitest";
import { knownHeaders } from "../../scripts/examples/known-headers.ts";
import { ownCookieNames } from "../../scripts/examples/own-cookies.ts";
import { examples } from "../../scripts/examples/render.ts";
import { foldNameToUnderscores } from "../../src/core/parsing/folded-name.ts";
import {
  clearedExactHeaderNames,
  clearedHeaderFamilies,
  clearedHeaders,
  hasHeaderName,
  methodOverrideHeaderNames,
} from "../../src/core/policy/cleared-header-names.ts";
import { sallyportCookieNames } from "../../src/http/cookies.ts";

const files = import.meta.glob<string>(
  ["../../examples/{nginx,caddy,haproxy,traefik}/*", "../../docs/proxies/cleared-headers.md"],
  { query: "?raw", import: "default", eager: true },
);

describe("the generated parts of the proxies' examples", () => {
  it.each(examples)("INC-35 $path is what `npm run examples` writes", ({ path, render }) => {
    const committed = files[path.startsWith("../") ? `../${path}` : `../../examples/${path}`];
    expect(committed).toBeDefined();
    expect(render(committed ?? "")).toBe(committed);
  });

  it("INC-35 name a header at least for each family and name that the gate clears", () => {
    const folded = knownHeaders.map(foldNameToUnderscores);
    const names = [...clearedExactHeaderNames, ...methodOverrideHeaderNames];
    expect(names.filter((name) => !folded.includes(name))).toEqual([]);
    const isNamed = (family: string) =>
      folded.some((name) => name === family || name.startsWith(`${family}_`));
    expect(clearedHeaderFamilies.filter((family) => !isNamed(family))).toEqual([]);
  });

  it("INC-35 name no header that the gate passes", () => {
    expect(
      knownHeaders.filter((name) => !hasHeaderName(clearedHeaders, foldNameToUnderscores(name))),
    ).toEqual([]);
  });

  it("INC-32 know every cookie of Sallyport, and all of them by one beginning", () => {
    expect([...ownCookieNames].sort()).toEqual([...sallyportCookieNames].sort());
    expect(sallyportCookieNames.filter((name) => !/^__Host-sallyport(-[a-z]+)?$/.test(name))).toEqual([]);
  });
});
