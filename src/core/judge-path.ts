import { foldCase } from "./best-fit.ts";
import { BoundedMap } from "./bounded-map.ts";
import { oncePer } from "./once.ts";
import { findPathReadings } from "./path-readings.ts";
import { findVariants } from "./path-variants.ts";
import { levels, type PolicyRule, type Requirement } from "./policy.ts";

/** What the policy asks of a request, and the rule that decides it. Null: no rule matches. */
export interface Verdict {
  readonly requirement: Requirement;
  readonly rule: PolicyRule | null;
}

/** One way in which an origin may serve a request. */
export interface Meaning {
  readonly method: string;
  /** As received, without the query. */
  readonly path: string;
  /** Count only rules that name the method: whether the origin serves the request so is not known. */
  readonly namedOnly?: true;
  /** The method acts on everything below the path, so the rules for that count too. */
  readonly withBelow?: true;
}

const noMatch: Verdict = { requirement: { level: "second_factor", maxAgeSeconds: null }, rule: null };
const open: Verdict = { requirement: { level: "none" }, rule: null };

type Spelling = "written" | "folded";

/**
 * What the policy asks of a request that an origin may serve in each of these ways: the strictest verdict of all
 * (INC-31).
 *
 * @param meanings the request itself first
 * @returns null when a path does not parse; the caller answers 400
 */
export function judgeMeanings(rules: readonly PolicyRule[], meanings: readonly Meaning[]): Verdict | null {
  let strictest: Verdict | null = null;
  for (const meaning of meanings) {
    const verdict = judgeMeaning(rules, meaning);
    if (verdict === null) return null;
    strictest = strictest === null ? verdict : stricter(strictest, verdict);
  }
  return strictest;
}

/** {@link judgeMeanings} for a request that is served in one way. */
export const judgePath = (rules: readonly PolicyRule[], method: string, rawPath: string): Verdict | null =>
  judgeMeaning(rules, { method, path: rawPath });

/** A site has so many addresses that are asked for often. */
const mostRemembered = 1000;

/** Longer paths are rare, and would take the room of many. */
const longestRemembered = 256;

const remembered = oncePer((_: readonly PolicyRule[]) => new BoundedMap<string, Verdict>(mostRemembered));

/** The same request gets the same verdict each time, so it is remembered. What does not parse is not. */
function judgeMeaning(rules: readonly PolicyRule[], meaning: Meaning): Verdict | null {
  if (meaning.path.length > longestRemembered) return judgeAnew(rules, meaning);
  const { method, path, namedOnly = false, withBelow = false } = meaning;
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
 * counts for it, no match is `second_factor`, and the strictest outcome holds (INC-05, INC-07).
 */
function judgeAnew(rules: readonly PolicyRule[], { method, ...meaning }: Meaning): Verdict | null {
  const readings = findPathReadings(meaning.path);
  if (readings === null) return null;
  const asked = { ...meaning, method: method.toUpperCase() };
  let strictest: Verdict = open;
  for (const reading of readings) {
    strictest = stricter(strictest, judgeReading(rules, asked, "written", reading));
    strictest = stricter(strictest, judgeReading(rules, asked, "folded", foldCase(reading)));
  }
  return strictest;
}

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
  let strictest = toVerdict(direct, meaning);
  if (meaning.withBelow) {
    for (const rule of rules)
      if (allowsMethod(rule, meaning.method) && isBelow(rule[spelling].path, text))
        strictest = stricter(strictest, toVerdict(rule, meaning));
  }
  // The author of a rule for exactly this path has decided about it.
  if (direct !== null && !direct.coversBelow) return strictest;
  for (const variant of findVariants(rules, spelling, text, direct)) {
    const rule = findRule(rules, meaning.method, spelling, variant);
    if (rule !== null && !matchesPath(rule, spelling, text))
      strictest = stricter(strictest, toVerdict(rule, meaning));
  }
  return strictest;
}

function toVerdict(rule: PolicyRule | null, { method, namedOnly }: Meaning): Verdict {
  if (namedOnly && !rule?.methods?.has(method)) return open;
  return rule === null ? noMatch : { requirement: rule.requirement, rule };
}

const findRule = (rules: readonly PolicyRule[], method: string, spelling: Spelling, path: string) =>
  rules.find((rule) => allowsMethod(rule, method) && matchesPath(rule, spelling, path)) ?? null;

const allowsMethod = ({ methods }: PolicyRule, method: string) =>
  methods === null || methods.has(method) || (method === "HEAD" && methods.has("GET"));

function matchesPath(rule: PolicyRule, spelling: Spelling, requested: string): boolean {
  const { path } = rule[spelling];
  if (!rule.coversBelow) return requested === path;
  return requested.startsWith(path) && (requested.length === path.length || requested[path.length] === "/");
}

const isBelow = (path: string, top: string) => path.startsWith(top.endsWith("/") ? top : `${top}/`);

/** Second factor over first over none; of one level the one with an age, and of two ages the smaller. */
function stricter(left: Verdict, right: Verdict): Verdict {
  const distance = rank(right.requirement) - rank(left.requirement);
  if (distance !== 0) return distance > 0 ? right : left;
  // Of two equal ones the verdict with a rule: it is about fewer paths.
  if (maxAge(right.requirement) === maxAge(left.requirement)) return left.rule === null ? right : left;
  return maxAge(right.requirement) < maxAge(left.requirement) ? right : left;
}

const rank = ({ level }: Requirement) => levels.indexOf(level);

function maxAge(requirement: Requirement): number {
  return requirement.level === "none" ? Infinity : (requirement.maxAgeSeconds ?? Infinity);
}
