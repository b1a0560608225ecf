import { getTableColumns, getTableName, is } from "drizzle-orm";
import { SQLiteTable } from "drizzle-orm/sqlite-core";
import { describe, expect, it } from "vitest";
import { apiOperationsAndDocument } from "../src/http/app.ts";
import { problemCodes } from "../src/http/problem/problem-kinds.ts";
import * as schema from "../src/store/platform/schema.ts";

// A comment, a test title or a page that cites something outside of the repository, or nothing, explains nothing. So every
// requirement ID, page and anchor that src, test and docs cite is looked up here.

const code = import.meta.glob<string>(["../src/**/*.{ts,tsx}", "../test/**/*.{ts,tsx}"], {
  query: "?raw",
  import: "default",
  eager: true,
});
const pages = import.meta.glob<string>(["../docs/**/*.md", "../*.md", "../examples/**/*.md"], {
  query: "?raw",
  import: "default",
  eager: true,
});
/** Only the names count: nothing of it is loaded. */
const others = import.meta.glob(
  ["../*", "../{bench,client,docs,examples,scripts,src,test}/**/*", "../.github/**/*", "!**/node_modules/**"],
  { query: "?raw", import: "default" },
);

const fromRoot = (path: string): string => path.replace(/^\.\.?\//, (up) => (up === "./" ? "test/" : ""));

/** Every text that is checked, by its path in the repository. This file has wrong citations on purpose. */
const texts = new Map(
  Object.entries({ ...code, ...pages })
    .map(([path, text]) => [fromRoot(path), text] as const)
    .filter(([path]) => path !== "test/docs-citations.test.ts"),
);
// A glob leaves out the file that it is in.
const paths = new Set([...texts.keys(), ...Object.keys(others).map(fromRoot), "test/docs-citations.test.ts"]);

const requirementsPage = "docs/security-requirements.md";
const requirementId = /\b(?:OTP|URI|BC|EN|TH|SE|CR|WB|LG|INC)-\d{2}\b/g;

/** The anchors of a page: those of its headings, as GitHub names them, and the explicit ones. */
function anchorsOf(page: string): ReadonlySet<string> {
  const prose = page.replace(/^```[\s\S]*?^```/gm, "");
  const anchors = new Set([...prose.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id));
  const seen = new Map<string, number>();
  for (const [, heading = ""] of prose.matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    const earlier = seen.get(slug) ?? 0;
    seen.set(slug, earlier + 1);
    anchors.add(earlier === 0 ? slug : `${slug}-${earlier}`);
  }
  return anchors;
}

const anchors = new Map(
  [...texts].filter(([path]) => path.endsWith(".md")).map(([path, text]) => [path, anchorsOf(text)]),
);

/** Looks through a text line by line, so that a finding names its line. */
function findIn(path: string, text: string, wrongIn: (line: string) => readonly string[]): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => wrongIn(line).map((cited) => `${path}:${index + 1} ${cited}`));
}

const findEverywhere = (wrongIn: (line: string, path: string) => readonly string[]): string[] =>
  [...texts].flatMap(([path, text]) => findIn(path, text, (line) => wrongIn(line, path)));

/** The requirement IDs of a line that have no anchor. */
const unknownIds = (line: string): string[] => {
  const known = anchors.get(requirementsPage);
  return [...line.matchAll(requirementId)]
    .map(([id]) => id)
    .filter((id) => known?.has(id.toLowerCase()) !== true);
};

/** True when the repository has this page, file or folder, and the page this anchor. */
function resolves(path: string, anchor: string | undefined): boolean {
  const plain = path.replace(/\/$/, "");
  const isFolder = [...paths].some((known) => known.startsWith(`${plain}/`));
  if (plain !== "" && !paths.has(plain) && !isFolder) return false;
  return anchor === undefined || anchors.get(plain)?.has(anchor) === true;
}

/** The pages that a line names by their path from the root, and that are not there, or lack the anchor. */
const unknownPages = (line: string): string[] =>
  [...line.matchAll(/(?<![\w/.-])docs\/[\w./-]+\.md(?:#([\w-]+))?/g)]
    .filter(([cited, anchor]) => !resolves(cited.split("#", 1)[0] ?? "", anchor))
    .map(([cited]) => cited);

/** The decisions that a line names by their number. */
const unknownDecisions = (line: string): string[] =>
  [...line.matchAll(/\bdecisions\/(\d{4})/g)]
    .filter(([, number]) => ![...paths].some((path) => path.startsWith(`docs/decisions/${number}-`)))
    .map(([cited]) => cited);

/** The links of a page's line that lead nowhere in the repository. Addresses of other hosts are not looked at. */
const brokenLinks = (line: string, page: string): string[] =>
  [...line.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target))
    .filter((target) => {
      const [path = "", anchor] = target.split("#", 2);
      const { pathname } = new URL(path === "" ? `/root/${page}` : path, `file:///root/${page}`);
      return !pathname.startsWith("/root/") || !resolves(pathname.slice("/root/".length), anchor);
    });

/** The files of the repository that a line names by their path from the root, or from `src`, and that are not there. */
const unknownFiles = (line: string): string[] =>
  [
    ...line
      .replace(/new `[^`]*`(?: and `[^`]*`|, `[^`]*`)*/gi, "")
      .matchAll(
        /(?<=`)(?:(?:src|test|scripts|bench|examples)\/|(?=(?:core|store|domain|gate|http|config)\/))[\w/.-]+\.(?:tsx?|js|sql)(?=`)/g,
      ),
  ]
    .map(([path]) => path)
    .filter((path) => !resolves(path, undefined) && !resolves(`src/${path}`, undefined));

const outside = /\b(?:SPEC|STANDARDS|DESIGN)\b|(?:\.\.|\/work)\/shared\b/g;

/** What a line names that only a folder beside the repository had. */
const namesFromOutside = (line: string): string[] => [...line.matchAll(outside)].map(([name]) => name);

describe("citations in src, test and docs", () => {
  it("are looked for in all of them", () => {
    const count = (pattern: RegExp) => [...texts.keys()].filter((path) => pattern.test(path)).length;
    expect(count(/^src\//)).toBeGreaterThan(150);
    expect(count(/^test\//)).toBeGreaterThan(100);
    expect(count(/^docs\//)).toBeGreaterThan(30);
    expect(anchors.get(requirementsPage)?.size).toBeGreaterThan(140);
  });

  it("have an anchor for every requirement ID", () => {
    expect(findEverywhere(unknownIds)).toEqual([]);
  });

  it("name pages and anchors that are there", () => {
    expect(findEverywhere((line) => [...unknownPages(line), ...unknownDecisions(line)])).toEqual([]);
  });

  it("name files that are there", () => {
    const past = /^CHANGELOG|^docs\/decisions\//;
    expect(findEverywhere((line, path) => (past.test(path) ? [] : unknownFiles(line)))).toEqual([]);
  });

  it("link to files, folders and anchors that are there", () => {
    expect(findEverywhere((line, path) => (path.endsWith(".md") ? brokenLinks(line, path) : []))).toEqual([]);
  });

  it("name no page from outside of the repository", () => {
    expect(findEverywhere(namesFromOutside)).toEqual([]);
  });
});

describe("docs/architecture.md, on the path of a code", () => {
  const page = texts.get("docs/architecture.md") ?? "";
  const section = page.split("### Path of a code\n")[1]?.split(/^## /m)[0] ?? "";
  const steps = (call: string): string[] =>
    section
      .split(`\`${call}\`:\n`)[1]
      ?.split(/^`/m)[0]
      ?.match(/^\d+\. .*$/gm)
      ?.slice() ?? [];

  it.each(["POST /totp/verify", "POST /v1/users/{id}/verify"])(
    "names at most 8 files of %s, and functions that are in them",
    (call) => {
      expect(steps(call).length).toBeGreaterThanOrEqual(5);
      expect(steps(call).length).toBeLessThanOrEqual(8);
      for (const step of steps(call)) {
        const [, path = ""] = /`(src\/[^`]+)`/.exec(step) ?? [];
        const names = [...step.matchAll(/`([a-z]\w+)`/g)].map(([, name = ""]) => name);
        expect(names.length, step).toBeGreaterThan(0);
        for (const name of names) expect(texts.get(path), `${path}: ${name}`).toContain(name);
      }
    },
  );
});

describe("docs/security-requirements.md", () => {
  const page = texts.get(requirementsPage) ?? "";

  it("has each ID once, with its requirement, under an anchor that is the ID in lower case", () => {
    const rows = [...page.matchAll(/^\| <a id="([^"]*)"><\/a>(\S+) \| (.*) \| (.+) \|$/gm)];
    expect(rows.filter(([, anchor, id]) => anchor !== id?.toLowerCase()).map(([row]) => row)).toEqual([]);
    const ids = rows.map(([, , id = ""]) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(rows.filter(([, , , , requirement = ""]) => requirement.trim().length < 20)).toEqual([]);
    expect(ids.length).toBe([...page.matchAll(/<a id=/g)].length);
  });
});

describe("docs/storage.md", () => {
  const page = texts.get("docs/storage.md") ?? "";
  const tables = Object.values(schema)
    .filter((exported) => is(exported, SQLiteTable))
    .map((table) => ({ name: getTableName(table), columns: Object.values(getTableColumns(table)) }));

  it.each(tables)("names every column of $name", ({ name, columns }) => {
    const section = page.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
    expect(
      columns.filter((column) => !section.includes(`\`${column.name}\``)).map(({ name }) => name),
    ).toEqual([]);
  });
});

describe("docs/contract.md", () => {
  const page = texts.get("docs/contract.md") ?? "";

  it("names every call of the API", () => {
    const calls = apiOperationsAndDocument.operations.map(
      ({ method, path }) => `\`${method.toUpperCase()} ${path.replace(/:(\w+)/g, "{$1}")}\``,
    );
    expect(calls.length).toBeGreaterThan(40);
    expect(calls.filter((call) => !page.includes(call))).toEqual([]);
  });

  it("names every code of an error", () => {
    expect(problemCodes.filter((known) => !page.includes(`\`${known}\``))).toEqual([]);
  });
});

describe("the check", () => {
  it.each(["OTP-99", "INC-00", "refuses it (SE-16)", "EN-19 INC-19"])("finds the wrong ID in %j", (line) => {
    expect(unknownIds(line)).toHaveLength(1);
  });

  it.each(["OTP-09", "INC-23, INC-24", "AES-256", "SHA-1", "RSA-OAEP-256", "UTF-8"])(
    "finds nothing wrong in %j",
    (line) => {
      expect(unknownIds(line)).toEqual([]);
    },
  );

  it.each([
    "docs/nothing.md",
    "docs/contract.md#nothing",
    "see `docs/decisions/9999-no-decision.md`",
    "docs/security-requirements.md#otp-99",
  ])("finds the page or the anchor that is not there in %j", (line) => {
    expect(unknownPages(line)).toHaveLength(1);
  });

  it.each(["`src/core/nothing.ts`", "`domain/nothing.ts`", "see `test/flows/nothing.test.ts`"])(
    "finds the file that is not there in %j",
    (line) => {
      expect(unknownFiles(line)).toHaveLength(1);
    },
  );

  it.each(["`src/index.ts`", "`config/config.ts`", "new `src/core/nothing.ts` and `src/nothing.ts`"])(
    "finds no wrong file in %j",
    (line) => {
      expect(unknownFiles(line)).toEqual([]);
    },
  );

  it.each(["docs/contract.md", "docs/contract.md#json-api", "(docs/security-requirements.md#otp-09)"])(
    "finds the page of %j",
    (line) => {
      expect(unknownPages(line)).toEqual([]);
    },
  );

  it.each([
    "[a](nothing.md)",
    "[a](contract.md#nothing)",
    "[a](#nothing)",
    "[a](../src/core/nothing.ts)",
    "[a](../../README.md)",
  ])("finds the broken link in %j", (line) => {
    expect(brokenLinks(line, "docs/api.md")).toHaveLength(1);
  });

  it.each(["[a](contract.md#gate)", "[a](proxies/)", "[a](../README.md)", "[a](https://example.com/x.md)"])(
    "finds nothing wrong with the link in %j",
    (line) => {
      expect(brokenLinks(line, "docs/api.md")).toEqual([]);
    },
  );

  it.each(["(STANDARDS SE-03)", 'SPEC "JSON API"', "DESIGN says so", "../shared/x", "/work/shared/x"])(
    "finds the page from outside in %j",
    (line) => {
      expect(namesFromOutside(line)).toHaveLength(1);
    },
  );

  it.each(["SPECIAL", "the specification", "a DESIGNATED port", "src/shared.ts"])(
    "finds no page from outside in %j",
    (line) => {
      expect(namesFromOutside(line)).toEqual([]);
    },
  );
});
