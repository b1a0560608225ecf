import type { Mutant } from "./mutant.ts";

const navigation = "test/http/page-navigation.test.ts";

/** Faults in how a refusal reaches the client: as a redirect, a page or a problem, and with which way back. */
export const pageLoadMutants: readonly Mutant[] = [
  {
    name: "script-gets-a-page",
    file: "src/http/page-navigation.ts",
    find: 'return mode === "navigate";',
    replace: 'return mode === "navigate" || prefersHtml(c);',
    why: "a script that asks for HTML is redirected to the sign-in page in place of its data",
    tests: [navigation],
    titled: "gets a problem and no page",
  },
  {
    name: "weight-of-html-ignored",
    file: "src/http/page-navigation.ts",
    find: "return html > 0 && html >= weightOf(",
    replace: "return ranges.some(({ type }) => /^text\\/html$/i.test(type)) || html > weightOf(",
    why: "a client that refuses HTML, or prefers JSON, gets a page",
    tests: [navigation],
    titled: "gets a problem and no page",
  },
  {
    name: "way-back-of-another-site",
    file: "src/http/sign-in-redirect.ts",
    find: "return isOwnHost ? ",
    replace: "return referer !== null ? ",
    why: "another site chooses the page that a visitor comes to after sign-in (INC-09)",
    tests: [navigation],
    titled: "INC-09",
  },
  {
    name: "way-back-of-any-length",
    file: "src/http/sign-in-redirect.ts",
    find: " && returnPath.length <= maxReturnPathCharacters",
    replace: "",
    why: "the redirect for a long address is too long for the servers in between, and its address is not accepted by the page",
    tests: [navigation],
    titled: "4096",
  },
  {
    name: "empty-id-is-a-list",
    file: "src/http/middleware/trailing-slash.ts",
    find: " || !redirectedMethods.includes(method)",
    replace: "",
    why: "DELETE /sessions/ of a client with an empty id leads to DELETE /sessions, which ends all sessions",
    tests: ["test/http/trailing-slash.test.ts"],
  },
  {
    name: "day-that-the-month-does-not-have",
    file: "src/core/parsing/timestamp.ts",
    find: "if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;",
    replace: "",
    why: "a key that ends on February 31 ends on March 3",
    tests: ["test/core/parsing/timestamp.test.ts"],
  },
];
