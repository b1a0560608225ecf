import { BoundedMap } from "../lib/bounded-map.ts";
import { lazyPerObject } from "../lib/lazy.ts";
import { foldCaseAndAccents } from "./best-fit.ts";
import { findPagesOfDataPath, findPathAliasesInRules } from "./path-aliases.ts";
import { findPathVariants } from "./path-variants.ts";
import {
  type FactorRequirement,
  type PolicyRule,
  requirementLevels,
  type ScopedRequirement,
} from "./policy.ts";

/** A method and a path under which an origin may serve a request. */
export interface RequestInterpretation {
  readonly method: string;
  /** The path as it was received, without the query. */
  readonly path: string;
  /** Apply only rules whose `methods` name this method: it is not known whether the origin serves the request under it. */
  readonly namedOnly?: true;
  /**
   * The method acts on everything below the path. `ruled`: the rules for paths below apply, too. `all`: so does the rule
   * for the paths below that have no rule of their own.
   */
  readonly withBelow?: "ruled" | "all";
}

const defaultDecision: ScopedRequirement = {
  requirement: { level: "second_factor", maxAgeSeconds: null },
  pathPrefix: "/",
  methods: null,
};

const noRequirement: FactorRequirement = { level: "none" };

/**
 * Returns what the policy requires of a request that an origin may serve under several methods and paths.
 *
 * - The requirement is the strictest of all interpretations (INC-31).
 * - `pathPrefix` and `methods` are those of the rule for the request as received, for the strictest variant of its path
 *   (INC-28). An origin compares the assertion with the request that it received, so the assertion must name that request's
 *   rule. The requirement is never weaker than that rule's.
 *
 * @param asReceived the request's own method and path
 * @param others further interpretations of the request
 * @returns null when a path does not parse; the caller responds 400
 */
export function evaluatePolicy(
  rules: readonly PolicyRule[],
  asReceived: RequestInterpretation,
  others: readonly RequestInterpretation[],
): ScopedRequirement | null {
  const evaluation = evaluateInterpretation(rules, asReceived);
  if (evaluation === null) return null;
  let { requirement } = evaluation;
  for (const interpretation of others) {
    const other = evaluateInterpretation(rules, interpretation);
    if (other === null) return null;
    requirement = stricter(requirement, other.requirement);
  }
  return requirement === evaluation.direct.requirement
    ? evaluation.direct
    : { ...evaluation.direct, requirement };
}

/** {@link evaluatePolicy} for a request with a single interpretation. Null when the path does not parse. */
export const evaluatePolicyForMethodAndPath = (
  rules: readonly PolicyRule[],
  method: string,
  rawPath: string,
): ScopedRequirement | null => evaluatePolicy(rules, { method, path: rawPath }, []);

interface Evaluation {
  /** The decision of the rule for the strictest path variant, without its aliases and the paths below it. */
  readonly direct: ScopedRequirement;
  /** The requirement that includes aliases and paths below. */
  readonly requirement: FactorRequirement;
}

/** More than the number of paths that visitors of a site request often. */
const maxCachedEvaluations = 1000;

/** Longer paths are rare, and each would take the memory of many short ones. */
const maxCachedPathCharacters = 256;

const evaluationCaches = lazyPerObject(
  (_: readonly PolicyRule[]) => new BoundedMap<string, Evaluation>(maxCachedEvaluations),
);

/** Returns the evaluation from the cache of these rules, or computes it and puts it there. Paths that do not parse are not cached. */
function evaluateInterpretation(
  rules: readonly PolicyRule[],
  interpretation: RequestInterpretation,
): Evaluation | null {
  if (interpretation.path.length > maxCachedPathCharacters) return computeEvaluation(rules, interpretation);
  const { method, path, namedOnly = false, withBelow = "" } = interpretation;
  const cache = evaluationCaches(rules);
  const key = `${namedOnly} ${withBelow} ${method} ${path}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const evaluation = computeEvaluation(rules, interpretation);
  if (evaluation !== null) cache.set(key, evaluation);
  return evaluation;
}

/**
 * Evaluates every variant of the path, as written and case-folded. For each variant the first matching rule applies, or
 * `second_factor` when no rule matches; the strictest result is returned (INC-05, INC-07). Of two rules with the same
 * requirement, the one found first is the decision.
 */
function computeEvaluation(
  rules: readonly PolicyRule[],
  { method, ...rest }: RequestInterpretation,
): Evaluation | null {
  const variants = findPathVariants(rest.path);
  if (variants === null) return null;
  const interpretation = { ...rest, method: method.toUpperCase() };
  let strictest: Evaluation | null = null;
  for (const variant of variants) {
    strictest = stricterInBoth(strictest, evaluateVariant(rules, interpretation, "written", variant));
    strictest = stricterInBoth(
      strictest,
      evaluateVariant(rules, interpretation, "folded", foldCaseAndAccents(variant)),
    );
  }
  return strictest;
}

function stricterInBoth(left: Evaluation | null, right: Evaluation): Evaluation {
  if (left === null) return right;
  const isRightStricter =
    stricter(left.direct.requirement, right.direct.requirement) !== left.direct.requirement;
  return {
    direct: isRightStricter ? right.direct : left.direct,
    requirement: stricter(left.requirement, right.requirement),
  };
}

type Spelling = "written" | "folded";

/**
 * Evaluates one variant of a path together with its aliases.
 *
 * The rule of an alias adds its requirement only when it does not also match `path`: a rule that matches both, such as
 * `/*`, is the rule that applies to `path` or comes after it. An alias makes the requirement stricter, never weaker.
 */
function evaluateVariant(
  rules: readonly PolicyRule[],
  interpretation: RequestInterpretation,
  spelling: Spelling,
  path: string,
): Evaluation {
  const { method } = interpretation;
  const rule = findRule(rules, method, spelling, path);
  const direct = rule?.decision ?? defaultDecision;
  let requirement = requirementOf(rule, interpretation);
  requirement = stricter(requirement, requirementBelow(rules, interpretation, spelling, path));
  if (rule !== null && !rule.coversBelow) {
    // A rule for exactly this path overrides its aliases. A rule that names the method overrides what is below, too.
    if (interpretation.withBelow !== "all" || rule.methods?.has(method)) return { direct, requirement };
    const below = rules.find((it) => it.coversBelow && matches(it, method, spelling, path));
    return { direct, requirement: stricter(requirement, requirementOf(below ?? null, interpretation)) };
  }
  for (const page of findPagesOfDataPath(path))
    requirement = stricter(
      requirement,
      requirementOf(findRule(rules, method, spelling, page), interpretation),
    );
  for (const alias of findPathAliasesInRules(rules, spelling, path, rule)) {
    const ruleOfAlias = findRule(rules, method, spelling, alias);
    if (ruleOfAlias !== null && !matchesPath(ruleOfAlias, spelling, path))
      requirement = stricter(requirement, requirementOf(ruleOfAlias, interpretation));
    requirement = stricter(requirement, requirementBelow(rules, interpretation, spelling, alias));
  }
  return { direct, requirement };
}

/** The strictest requirement of the rules for paths below this one, when the method acts on those paths. */
function requirementBelow(
  rules: readonly PolicyRule[],
  interpretation: RequestInterpretation,
  spelling: Spelling,
  top: string,
): FactorRequirement {
  let requirement = noRequirement;
  if (interpretation.withBelow === undefined) return requirement;
  for (const rule of rules)
    if (allowsMethod(rule, interpretation.method) && isStrictlyBelow(rule[spelling].path, top))
      requirement = stricter(requirement, requirementOf(rule, interpretation));
  return requirement;
}

function requirementOf(
  rule: PolicyRule | null,
  { method, namedOnly }: RequestInterpretation,
): FactorRequirement {
  if (namedOnly && !rule?.methods?.has(method)) return noRequirement;
  return (rule?.decision ?? defaultDecision).requirement;
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
 * Compares two requirements: `second_factor` is stricter than `first_factor`, and that than `none`; within a level a
 * maximum age is stricter than none, and a smaller one stricter than a larger one.
 *
 * @returns the stricter one, or `left` when they are equally strict
 */
function stricter(left: FactorRequirement, right: FactorRequirement): FactorRequirement {
  const distance = requirementLevels.indexOf(right.level) - requirementLevels.indexOf(left.level);
  if (distance !== 0) return distance > 0 ? right : left;
  return maxAge(right) < maxAge(left) ? right : left;
}

function maxAge(requirement: FactorRequirement): number {
  return requirement.level === "none" ? Infinity : (requirement.maxAgeSeconds ?? Infinity);
}
