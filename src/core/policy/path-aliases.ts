import type { PolicyRule, RulePathWithStem } from "./policy.ts";

/**
 * File suffixes of programs and pages. Some servers serve such a file for a path without its suffix (Apache's MultiViews,
 * `try_files $uri.php`), and some for a path that continues after it (`PATH_INFO`, RFC 3875 4.1.5).
 */
const pageSuffix =
  /\.(?:html?|xhtml|shtml|php\d?|phtml|aspx?|ashx|asmx|axd|svc|jspx?|jsf|do|action|cgi|fcgi|pl|py|rb|cfm|lua|exe|dll|json|xml)$/i;

/** The file that a server sends for a directory. */
const indexFile = /\/(?:index|default)\.[^/]*$/i;

/** Bounds the work for one path. A server runs the first program file in a path; more than a few occur on no site. */
const maxPrograms = 8;

/**
 * Returns the path of a rule without its page suffix. For an exact rule, an index file and a final slash go too: `/admin`
 * for `/admin.php`, `/admin/index.html` and `/admin/`. The stem of `/` is empty.
 *
 * A rule for `/index.php/*` keeps its index file; otherwise it would cover every path of the site.
 */
export function removePageSuffix(path: string, coversBelow: boolean): string {
  const directory = coversBelow ? path : path.replace(/\/$/, "").replace(indexFile, "");
  return directory.replace(pageSuffix, "");
}

/**
 * Finds the aliases of a path: other paths whose page a framework or a server may serve for it (INC-31). `/admin` is an
 * alias of `/admin.json` (format suffix), `/admin::$DATA` (NTFS stream), `/admin/index.html`, `/admin/`,
 * `/index.php/admin` (behind a program) and `/admin.php/x` (`PATH_INFO`). An alias is another path, whereas a path variant
 * (`path-variants.ts`) is the same path after decoding.
 *
 * Returned are the aliases that a rule names, and the paths behind a program.
 *
 * @param direct the rule that applies to `path` itself. When its own path has a suffix after the stem of another rule
 * (`/v1.5/*` beside `/v1/*`), the operator distinguishes the two, and that other rule gives no alias
 */
export function findPathAliasesInRules(
  rules: readonly PolicyRule[],
  spelling: "written" | "folded",
  path: string,
  direct: PolicyRule | null,
): readonly string[] {
  const behindPrograms = findPathsBehindPrograms(path);
  const aliases: string[] = [...behindPrograms];
  for (const candidate of [path, ...behindPrograms]) {
    for (const rule of rules) {
      const alias = findAliasNamedBy(rule, rule[spelling], candidate);
      if (alias === null || alias === path) continue;
      if (direct === null || !namesSuffix(direct[spelling], rule[spelling])) aliases.push(alias);
    }
  }
  return aliases;
}

/** Returns the alias of `candidate` that starts with the rule's path. Null: the rule names no alias of it. */
function findAliasNamedBy(
  rule: PolicyRule,
  { path, stem }: RulePathWithStem,
  candidate: string,
): string | null {
  if (!candidate.startsWith(stem)) return null;
  const rest = candidate.slice(stem.length);
  if (rest !== "" && !/^[/.:]/.test(rest)) return null;
  const slash = rest.indexOf("/");
  const suffix = slash === -1 ? rest : rest.slice(0, slash);
  const below = slash === -1 ? "" : rest.slice(slash);
  if (rule.coversBelow) return path + below;
  const isSame = below === "" || below === "/" || isIndex(below) || isProgram(suffix);
  return isSame ? path : null;
}

/** True for `/index`, `/index.html`, `/default.aspx/`, and for a path that continues after the index file: `/index.php/x`. */
const isIndex = (below: string) => /^\/(?:index\/?|(?:index|default)[.:][^/]*(?:\/.*)?)$/i.test(below);

/** True for `/v1.5/*` beside `/v1/*`. */
const namesSuffix = (direct: RulePathWithStem, rule: RulePathWithStem) =>
  direct.path.startsWith(rule.stem) && /^[.:]/.test(direct.path.slice(rule.stem.length));

const isProgram = (segment: string) => pageSuffix.test(segment.split(":", 1)[0] ?? "");

/**
 * Finds the paths that a program in the path may be asked for (`PATH_INFO`). For `/dir/index.php/admin` these are `/admin`, if
 * `index.php` serves the root of the site, and `/dir/admin`, if it serves `/dir`.
 */
function findPathsBehindPrograms(path: string): readonly string[] {
  // Fast path: most paths have no program segment.
  if (!path.includes(".")) return [];
  const found: string[] = [];
  let from = 1;
  for (let programs = 0; programs < maxPrograms; ) {
    const end = path.indexOf("/", from);
    if (end === -1) break;
    if (isProgram(path.slice(from, end))) {
      programs += 1;
      found.push(path.slice(end), path.slice(0, from - 1) + path.slice(end));
    }
    from = end + 1;
  }
  return [...new Set(found)];
}

/** Paths of a page's data in Next.js; in Gatsby; in SvelteKit and Nuxt. */
const dataPathForms: readonly RegExp[] = [
  /^(?<mount>.*?)\/_next\/data\/[^/]+(?<page>\/.+)\.json$/i,
  /^(?<mount>.*?)\/page-data(?<page>\/.+)\/page-data\.json$/i,
  /^(?<mount>)(?<page>\/.+)\/(?:__data\.json|_payload\.js(?:on)?)$/i,
];

/**
 * Finds the pages whose data is served at this path (INC-31). The page's requirement applies to its data, also where no
 * rule matches the page: a policy that opens the assets below `/_next/*` must not open the data of pages there.
 */
export function findPagesOfDataPath(path: string): readonly string[] {
  if (!path.includes(".js")) return [];
  return dataPathForms.flatMap((form) => {
    const found = form.exec(path)?.groups;
    return found === undefined ? [] : [`${found.mount}${found.page}`];
  });
}
