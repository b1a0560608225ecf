import { BoundedMap } from "../lib/bounded-map.ts";
import { lazyPer } from "../lib/lazy.ts";
import { foldCase } from "./best-fit.ts";
import { findPathReadings } from "./path-readings.ts";
import { findPagesOfData, findVariants } from "./path-variants.ts";
import { type Decision, levels, type PolicyRule, type Requirement } from "./policy.ts";

/** One way in which an origin may serve a request. */
export interface Meaning {
  readonly method: string;
  /** As received, without the query. */
  readonly path: string;
  /** Count only rules that name the method: whether the origin serves the request so is not known. */
  readonly namedOnly?: true;
  /**
   * The method acts on everything below the path. `ruled`: the rules for paths below count, too. `all`: beside them the rule
   * for those paths below that no rule names.
   */
  readonly withBelow?: "ruled" | "all";
}

const noMatch: Decision = {
  requirement: { level: "second_factor", maxAgeSeconds: null },
  pathPrefix: "/",
  methods: null,
};

const nothing: Requirement = { level: "none" };

/**
 * What the policy asks of a request that an origin may serve in each of these ways.
 *
 * - The requirement is the strictest of all ways (INC-31).
 * - `pathPrefix` and `methods` are those of the rule for the request itself, in the strictest reading of its path (INC-28).
 *   So an assertion covers the request that it comes with. It is true, because the requirement is never weaker than that
 *   rule's.
 *
 * @param itself the request as it came
 * @param others the other ways
 * @returns null when a path does not parse; the caller answers 400
 */
export function judgeMeanings(
  rules: readonly PolicyRule[],
  itself: Meaning,
  others: readonly Meaning[],
): Decision | null {
  const verdict = judgeMeaning(rules, itself);
  if (verdict === null) return null;
  let { requirement } = verdict;
  for (const meaning of others) {
    const other = judgeMeaning(rules, meaning);
    if (other === null) return null;
    requirement = stricter(requirement, other.requirement);
  }
  return requirement === verdict.own.requirement ? verdict.own : { ...verdict.own, requirement };
}

/** {@link judgeMeanings} for a request that is served in one way. */
export const judgePath = (rules: readonly PolicyRule[], method: string, rawPath: string): Decision | null =>
  judgeMeanings(rules, { method, path: rawPath }, []);

interface Verdict {
  /** That of the strictest reading, without variants of it. */
  readonly own: Decision;
  /** With variants, and with what lies below. */
  readonly requirement: Requirement;
}

/** A site has so many addresses that are asked for often. */
const mostRemembered = 1000;

/** Longer paths are rare, and would take the room of many. */
const longestRemembered = 256;

const remembered = lazyPer((_: readonly PolicyRule[]) => new BoundedMap<string, Verdict>(mostRemembered));

/** The same request gets the same verdict each time, so it is remembered. What does not parse is not. */
function judgeMeaning(rules: readonly PolicyRule[], meaning: Meaning): Verdict | null {
  if (meaning.path.length > longestRemembered) return judgeAnew(rules, meaning);
  const { method, path, namedOnly = false, withBelow = "" } = meaning;
  const verdicts = remembered(rules);
  const key = `${namedOnly} ${withBelow} ${method} ${path}`;
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const verdict = judgeAnew(rules, meaning);
  if (verdict !== null) verdicts.set(key, verdict);
  return verdict;
}

/**
 * Every reading of the path is judged, as it is written and without regard to case. The first rule that matches a reading
 * counts for it, no match is `second_factor`, and the strictest outcome holds (INC-05, INC-07). Of two rules that ask for
 * the same, the one that was found first is named.
 */
function judgeAnew(rules: readonly PolicyRule[], { method, ...meaning }: Meaning): Verdict | null {
  const readings = findPathReadings(meaning.path);
  if (readings === null) return null;
  const asked = { ...meaning, method: method.toUpperCase() };
  let strictest: Verdict | null = null;
  for (const reading of readings) {
    strictest = stricterInBoth(strictest, judgeReading(rules, asked, "written", reading));
    strictest = stricterInBoth(strictest, judgeReading(rules, asked, "folded", foldCase(reading)));
  }
  return strictest;
}

function stricterInBoth(left: Verdict | null, right: Verdict): Verdict {
  if (left === null) return right;
  const isRightStricter = stricter(left.own.requirement, right.own.requirement) !== left.own.requirement;
  return {
    own: isRightStricter ? right.own : left.own,
    requirement: stricter(left.requirement, right.requirement),
  };
}

type Spelling = "written" | "folded";

/**
 * Judges one text. A variant of it counts where a rule for the variant says more than the rule for the text: the first rule
 * for the variant is looked for, and one that matches the text too stands behind the one that counts for the text. So a
 * rule such as `/*` says nothing about variants, and a variant never makes a verdict weaker.
 */
function judgeReading(
  rules: readonly PolicyRule[],
  meaning: Meaning,
  spelling: Spelling,
  text: string,
): Verdict {
  const direct = findRule(rules, meaning.method, spelling, text);
  const own = direct?.decision ?? noMatch;
  let requirement = requirementOf(direct, meaning);
  requirement = stricter(requirement, requirementBelow(rules, meaning, spelling, text));
  if (direct !== null && !direct.coversBelow) {
    // The author of a rule for exactly this path has decided about the path, and by naming the method about what is below.
    if (meaning.withBelow !== "all" || direct.methods?.has(meaning.method)) return { own, requirement };
    const below = rules.find((rule) => rule.coversBelow && matches(rule, meaning.method, spelling, text));
    return { own, requirement: stricter(requirement, requirementOf(below ?? null, meaning)) };
  }
  for (const page of findPagesOfData(text))
    requirement = stricter(
      requirement,
      requirementOf(findRule(rules, meaning.method, spelling, page), meaning),
    );
  for (const variant of findVariants(rules, spelling, text, direct)) {
    const rule = findRule(rules, meaning.method, spelling, variant);
    if (rule !== null && !matchesPath(rule, spelling, text))
      requirement = stricter(requirement, requirementOf(rule, meaning));
    requirement = stricter(requirement, requirementBelow(rules, meaning, spelling, variant));
  }
  return { own, requirement };
}

/** What rules for paths below this one ask for, where the method acts on them. */
function requirementBelow(
  rules: readonly PolicyRule[],
  meaning: Meaning,
  spelling: Spelling,
  top: string,
): Requirement {
  let requirement = nothing;
  if (meaning.withBelow === undefined) return requirement;
  for (const rule of rules)
    if (allowsMethod(rule, meaning.method) && isStrictlyBelow(rule[spelling].path, top))
      requirement = stricter(requirement, requirementOf(rule, meaning));
  return requirement;
}

function requirementOf(rule: PolicyRule | null, { method, namedOnly }: Meaning): Requirement {
  if (namedOnly && !rule?.methods?.has(method)) return nothing;
  return (rule?.decision ?? noMatch).requirement;
}

const findRule = (rules: readonly PolicyRule[], method: string, spelling: Spelling, path: string) =>
  rules.find((rule) => matches(rule, method, spelling, path)) ?? null;

const matches = (rule: PolicyRule, method: string, spelling: Spelling, path: string) =>
  allowsMethod(rule, method) && matchesPath(rule, spelling, path);

const allowsMethod = ({ methods }: PolicyRule, method: string) =>
  methods === null || methods.has(method) || (method === "HEAD" && methods.has("GET"));

function matchesPath(rule: PolicyRule, spelling: Spelling, requested: string): boolean {
  const { path } = rule[spelling];
  if (!rule.coversBelow) return requested === path;
  return requested.startsWith(path) && (requested.length === path.length || requested[path.length] === "/");
}

const isStrictlyBelow = (path: string, top: string) => path.startsWith(top.endsWith("/") ? top : `${top}/`);

/**
 * Second factor over first over none; of one level the one with an age, and of two ages the smaller.
 *
 * @returns one of the two; the left one where they ask for the same
 */
function stricter(left: Requirement, right: Requirement): Requirement {
  const distance = levels.indexOf(right.level) - levels.indexOf(left.level);
  if (distance !== 0) return distance > 0 ? right : left;
  return maxAge(right) < maxAge(left) ? right : left;
}

function maxAge(requirement: Requirement): number {
  return requirement.level === "none" ? Infinity : (requirement.maxAgeSeconds ?? Infinity);
}
