import type { PolicyRule, RulePath } from "./policy.ts";

/**
 * Suffixes of programs and pages, which some servers run or serve without being told the suffix (Apache's MultiViews,
 * `try_files $uri.php`), and behind which others take more path (`PATH_INFO`, RFC 3875 4.1.5).
 */
const pageSuffix =
  /\.(?:html?|xhtml|shtml|php\d?|phtml|aspx?|ashx|asmx|axd|svc|jspx?|jsf|do|action|cgi|fcgi|pl|py|rb|cfm|lua|exe|dll|json|xml)$/i;

/** What a directory is served by. */
const indexFile = /\/(?:index|default)\.[^/]*$/i;

/** Servers take the first file that is there for the program. No site has more than this one below another. */
const mostPrograms = 8;

/**
 * The path of a rule without its page suffix, and of an exact rule also without an index file and a final slash: `/admin`
 * for `/admin.php`, `/admin/index.html` and `/admin/`. `/` has the empty stem.
 *
 * A rule for `/index.php/*` keeps its index file, or it would be one for every path of the site.
 */
export function stemOf(path: string, coversBelow: boolean): string {
  const directory = coversBelow ? path : path.replace(/\/$/, "").replace(indexFile, "");
  return directory.replace(pageSuffix, "");
}

/**
 * The paths that a framework or a server may serve for this one although they are written differently (INC-31): without a
 * format suffix (`/admin.json`), a stream of NTFS (`/admin::$DATA`), an index file, a final slash, a program in front
 * (`/index.php/admin`), or a path behind a program (`/admin.php/x`). Only those that the path of a rule is a variant of.
 *
 * @param direct the rule that counts for `path` as it is written. One that names a suffix knows the difference.
 */
export function findVariants(
  rules: readonly PolicyRule[],
  spelling: "written" | "folded",
  path: string,
  direct: PolicyRule | null,
): readonly string[] {
  const behindPrograms = findPathsBehindPrograms(path);
  const variants: string[] = [...behindPrograms];
  for (const candidate of [path, ...behindPrograms]) {
    for (const rule of rules) {
      const variant = asPathOf(rule, rule[spelling], candidate);
      if (variant === null || variant === path) continue;
      if (direct === null || !namesSuffix(direct[spelling], rule[spelling])) variants.push(variant);
    }
  }
  return variants;
}

/** The path as the rule would name it. Null: it is no variant of the rule's path. */
function asPathOf(rule: PolicyRule, { path, stem }: RulePath, candidate: string): string | null {
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

/** `/index`, `/index.html`, `/default.aspx/`, and what stands behind the index file: `/index.php/x`. */
const isIndex = (below: string) => /^\/(?:index\/?|(?:index|default)[.:][^/]*(?:\/.*)?)$/i.test(below);

/** `/v1.5/*` beside `/v1/*`: its author knows that the two are not the same. */
const namesSuffix = (direct: RulePath, rule: RulePath) =>
  direct.path.startsWith(rule.stem) && /^[.:]/.test(direct.path.slice(rule.stem.length));

const isProgram = (segment: string) => pageSuffix.test(segment.split(":", 1)[0] ?? "");

/** `/dir/index.php/admin` is `/admin` for a site whose program is there, and `/dir/admin` for one that lives in `/dir`. */
function findPathsBehindPrograms(path: string): readonly string[] {
  // Most paths have no such segment, and the test is cheap.
  if (!path.includes(".")) return [];
  const found: string[] = [];
  let from = 1;
  for (let programs = 0; programs < mostPrograms; ) {
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

/** The data of a page, as frameworks serve it under an address of its own: Next.js, Gatsby; SvelteKit, Nuxt. */
const dataForms: readonly RegExp[] = [
  /^(?<mount>.*?)\/_next\/data\/[^/]+(?<page>\/.+)\.json$/i,
  /^(?<mount>.*?)\/page-data(?<page>\/.+)\/page-data\.json$/i,
  /^(?<mount>)(?<page>\/.+)\/(?:__data\.json|_payload\.js(?:on)?)$/i,
];

/**
 * The pages that the path has the data of (INC-31). They are judged as the page is, by the default too: a policy that opens
 * the assets below `/_next/*` does not mean the data of pages there.
 */
export function findPagesOfData(path: string): readonly string[] {
  if (!path.includes(".js")) return [];
  return dataForms.flatMap((form) => {
    const found = form.exec(path)?.groups;
    return found === undefined ? [] : [`${found.mount}${found.page}`];
  });
}
