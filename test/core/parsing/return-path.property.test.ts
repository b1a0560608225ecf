import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseReturnPathOrRoot } from "../../../src/core/parsing/return-path.ts";
import { disguised, hostileText } from "../../support/arbitrary-paths.ts";
import { servers } from "../../support/servers.ts";
import goodPaths from "../../vectors/good-return-paths.json";
import hostilePaths from "../../vectors/hostile-return-paths.json";

const bases = [
  "https://app.example/",
  "https://app.example:8443/api/auth/second-factor?rd=%2F",
  "http://app.example/a/b/c/",
  "https://user@app.example/x",
  "https://[2001:db8::1]/api/auth/sign-in",
];

const words = [
  "evil.example",
  "//evil.example",
  "https://evil.example",
  "https:",
  "javascript:alert(1)",
  "data:text/html,x",
  "@evil.example",
  "user:pass@",
  "/account",
  "?rd=",
  "#",
];

const hosts = bases.map((base) => new URL(base)).map(({ host, protocol }) => `${protocol}//${host}`);

/** Where a browser leaves the host that it is on. Plain code, because matchers are slow a million times. */
function findWayOut(path: string): string | undefined {
  return bases.find((base, index) => {
    const url = URL.parse(path, base);
    return url === null || `${url.protocol}//${url.host}` !== hosts[index];
  });
}

function check(input: string): string {
  const path = parseReturnPathOrRoot(input);
  expect(path).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/);
  expect(path.length).toBeLessThanOrEqual(4096);
  expect(findWayOut(path)).toBeUndefined();
  // Parsing the result again, as the page's form does, returns the same path.
  expect(parseReturnPathOrRoot(path)).toBe(path);
  return path;
}

describe("whatever comes as a return path", () => {
  it("INC-09 WB-04 the way back stays on the host", () => {
    fc.assert(
      fc.property(hostileText(...words), fc.boolean(), (text, rooted) => {
        check(rooted ? `/${text}` : text);
      }),
      { numRuns: 5000 },
    );
  });

  it("INC-09 WB-04 it stays there after servers on the way have decoded and resolved it", () => {
    let kept = 0;
    fc.assert(
      fc.property(hostileText(...words), (text) => {
        const path = check(`/${text}`);
        if (path !== "/") kept += 1;
        const sent = new URL(path, "https://a").pathname;
        const deceived = Object.entries(servers).find(([, server]) => {
          const read = server(sent);
          return read !== null && (!/^\/(?![/\\])/.test(read) || findWayOut(read) !== undefined);
        });
        expect(deceived?.[0]).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
    expect(kept).toBeGreaterThan(50);
  });

  it("INC-09 WB-04 no disguise of several layers gets another host through", () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom("//evil.example/x", "/\\evil.example/x", "/a/..//evil.example")
          .chain((path) => disguised(path)),
        ({ text }) => {
          check(text);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("INC-09 WB-04 the corpus of hostile forms stays harmless with more before, behind and around it", () => {
    const corpus = fc.constantFrom(...hostilePaths.filter((path) => path !== ""));
    const grown = fc.tuple(hostileText(...words), corpus, hostileText(...words), fc.nat({ max: 3 }));
    fc.assert(
      fc.property(grown, ([before, hostile, behind, levels]) => {
        let text = before + hostile + behind;
        for (let level = 0; level < levels; level++) text = encodeURI(text.toWellFormed());
        check(text);
        check(`/${text}`);
        check(hostile + behind);
      }),
      { numRuns: 3000 },
    );
  });

  it("a plain path comes back as it is, with its query and its fragment", () => {
    const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
    const plain = fc.tuple(fc.array(name, { minLength: 1, maxLength: 6 }), fc.option(name), fc.option(name));
    fc.assert(
      fc.property(plain, ([names, query, fragment]) => {
        const path = `/${names.join("/")}${query === null ? "" : `?q=${query}`}${fragment === null ? "" : `#${fragment}`}`;
        expect(parseReturnPathOrRoot(path)).toBe(path);
      }),
    );
  });

  it("a good one stays good with a query of anything that is encoded", () => {
    fc.assert(
      fc.property(fc.constantFrom(...goodPaths), fc.string({ maxLength: 40 }), (good, text) => {
        const [path = "/"] = good.split(/[?#]/);
        const whole = `${path}?next=${encodeURIComponent(text)}`;
        expect(parseReturnPathOrRoot(whole).startsWith(`${path}?next=`)).toBe(true);
      }),
    );
  });
});
