import { judgeMeanings, judgePath } from "./judge-path.ts";
import { type Decision, levels, type PolicyRule } from "./policy.ts";

/** Something in a valid `POLICY` that its author may not have meant. Rules are counted from 0. */
export type PolicyWarning =
  /** `/*` asks for less than an earlier rule: a spelling of its path that Sallyport does not know falls under `/*`. */
  | { readonly kind: "last_rule_weaker"; readonly lastRule: number; readonly strictRule: number }
  /**
   * The rule asks less of a POST than the policy asks for `method`, which the body of a POST may name. `counts`: the
   * stricter rule names that method, so it counts for each POST.
   */
  | {
      readonly kind: "post_weaker";
      readonly rule: number;
      readonly method: string;
      readonly counts: boolean;
    };

/** What frameworks serve a POST as, when its body says so. */
const methodsOfForms = ["GET", "PUT", "PATCH", "DELETE"];

/**
 * What a start should warn of (INC-31). Levels are compared, ages are not.
 *
 * @param overridesUnknown whether the site takes a method from a form is not known: `METHOD_OVERRIDE=drop`
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
  for (const method of methodsOfForms) {
    if (isStricter(judgePath(rules, method, path), rule)) {
      const named = judgeMeanings(rules, { method, path, namedOnly: true }, []);
      return [{ kind: "post_weaker", rule: at, method, counts: isStricter(named, rule) }];
    }
  }
  return [];
}

const isStricter = (decision: Decision | null, rule: PolicyRule) =>
  decision !== null && rankOf(decision) > rankOf(rule.decision);

const rankOf = ({ requirement }: Decision) => levels.indexOf(requirement.level);
