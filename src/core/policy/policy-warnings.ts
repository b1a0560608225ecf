import { evaluatePolicy, evaluatePolicyForMethodAndPath } from "./evaluate-policy.ts";
import { type PolicyRule, requirementLevels, type ScopedRequirement } from "./policy.ts";

/** A part of a valid `POLICY` that may not be intended. Rules are counted from 0. */
export type PolicyWarning =
  /** `/*` requires less than an earlier rule: an alias of that rule's path that Sallyport does not know falls under `/*`. */
  | { readonly kind: "last_rule_weaker"; readonly lastRule: number; readonly strictRule: number }
  /**
   * The rule requires less for POST than the policy requires for `method`, which the body of a POST may name (`_method`).
   * `counts`: the stricter rule names that method, so its requirement applies to each POST of the path, too.
   */
  | {
      readonly kind: "post_weaker";
      readonly rule: number;
      readonly method: string;
      readonly counts: boolean;
    };

/** The methods as which frameworks serve a POST whose body has `_method`. */
const overridableMethods = ["GET", "PUT", "PATCH", "DELETE"];

/**
 * Finds the warnings that the Worker logs at its start (INC-31). Levels are compared, maximum ages are not.
 *
 * @param overridesUnknown `METHOD_OVERRIDE=drop`: the operator has not said whether the site reads `_method` in a body
 */
export function findPolicyWarnings(
  rules: readonly PolicyRule[],
  overridesUnknown: boolean,
): readonly PolicyWarning[] {
  return [
    ...findWeakLastRule(rules),
    ...(overridesUnknown ? rules.flatMap((_, at) => findWeakPost(rules, at)) : []),
  ];
}

function findWeakLastRule(rules: readonly PolicyRule[]): readonly PolicyWarning[] {
  const lastRule = rules.findLastIndex(({ written, coversBelow }) => written.path === "" && coversBelow);
  const last = rules[lastRule];
  if (last === undefined) return [];
  const strictRule = rules.findIndex((rule, at) => at < lastRule && isStricter(rule.decision, last));
  return strictRule === -1 ? [] : [{ kind: "last_rule_weaker", lastRule, strictRule }];
}

function findWeakPost(rules: readonly PolicyRule[], at: number): readonly PolicyWarning[] {
  const rule = rules[at];
  if (rule?.methods?.has("POST") !== true) return [];
  const path = encodeURI(rule.written.path || "/");
  for (const method of overridableMethods) {
    if (isStricter(evaluatePolicyForMethodAndPath(rules, method, path), rule)) {
      const named = evaluatePolicy(rules, { method, path, namedOnly: true }, []);
      return [{ kind: "post_weaker", rule: at, method, counts: isStricter(named, rule) }];
    }
  }
  return [];
}

const isStricter = (decision: ScopedRequirement | null, rule: PolicyRule) =>
  decision !== null && rankOf(decision) > rankOf(rule.decision);

const rankOf = ({ requirement }: ScopedRequirement) => requirementLevels.indexOf(requirement.level);
