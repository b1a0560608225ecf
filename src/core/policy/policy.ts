import * as z from "zod/mini";
import { lazyPerObject } from "../lib/lazy.ts";
import { unknownFieldsErrorOption } from "../parsing/parse-fields.ts";
import { zodExpectedTypeErrorOption } from "../parsing/zod-type-error.ts";
import { foldCaseAndAccents } from "./best-fit.ts";
import { removePageSuffix } from "./path-aliases.ts";
import { findPathVariants } from "./path-variants.ts";

/** What the session of a request must have verified. Ages are seconds since the factor was last verified; null is any age. */
export type FactorRequirement =
  | { level: "none" }
  | { level: "first_factor"; maxAgeSeconds: number | null }
  | { level: "second_factor"; maxAgeSeconds: number | null };

/** What the policy requires of a request, and the paths and methods of the rule that says so. One object for each rule. */
export interface ScopedRequirement {
  readonly requirement: FactorRequirement;
  /**
   * The paths that the matching rule covers, in the form of the assertion's `path` claim (`core/tokens/assertion.ts`): `/admin/` for `/admin/*`,
   * `/feed$` for exactly `/feed`, and `/` where no rule matched.
   */
  readonly pathPrefix: string;
  /** The methods of the rule, in upper case. Null: every method. */
  readonly methods: readonly string[] | null;
}

/** The path of a rule in one spelling. */
export type RulePathWithStem = {
  /** The decoded path without a final `/*`. */
  readonly path: string;
  /** The path without a page suffix: {@link removePageSuffix}. Used to find aliases. */
  readonly stem: string;
};

/** One rule of `POLICY`, parsed. */
export type PolicyRule = {
  readonly written: RulePathWithStem;
  /** The result of `foldCaseAndAccents`, for the case-insensitive comparison. */
  readonly folded: RulePathWithStem;
  /** The rule ends in `/*`: it covers its path and all paths below. Otherwise it covers exactly its path. */
  readonly coversBelow: boolean;
  /** Upper case; null is every method. */
  readonly methods: ReadonlySet<string> | null;
  readonly decision: ScopedRequirement;
};

/** The levels that a rule can require, from the weakest to the strictest. */
export const requirementLevels = ["none", "first_factor", "second_factor"] as const;

const anyText = () => z.string(zodExpectedTypeErrorOption("string"));

const pathSchema = () =>
  anyText().check(
    z.regex(/^\//, 'must start with "/"'),
    z.refine((path) => !/[?#]/.test(path), "must have no query and no fragment"),
    z.refine((path) => !path.replace(/\/\*$/, "").includes("*"), 'may have "*" only as a final "/*"'),
    z.refine(
      isPlainPath,
      'must be written decoded and plain: no percent-encoding, dot segments, "//", "\\", ";", control characters, and no dot or space at the end of a segment',
    ),
  );

const methodSchema = () =>
  anyText().check(z.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be an HTTP method"));

const ruleSchema = () =>
  z
    .strictObject(
      {
        path: pathSchema(),
        methods: z.optional(
          z
            .array(methodSchema(), zodExpectedTypeErrorOption("array"))
            .check(z.minLength(1, "must name at least one method, or be left out")),
        ),
        require: z.enum(requirementLevels, `must be one of ${requirementLevels.join(", ")}`),
        max_age: z.optional(
          z.int("must be a whole number of seconds").check(z.positive("must be at least 1 second")),
        ),
      },
      {
        error: (issue) =>
          issue.code === "unrecognized_keys" ? undefined : zodExpectedTypeErrorOption("object").error(issue),
      },
    )
    .check(
      z.refine((rule) => rule.require !== "none" || rule.max_age === undefined, {
        path: ["max_age"],
        message: 'has no effect with "none"',
      }),
    );

const policySchema = () => z.array(ruleSchema(), "must be a JSON array of rules");

/**
 * Parses the `POLICY` variable. The rules stay in their order.
 *
 * A path is exact (`/admin` is not `/admin/`), or ends in `/*` and then covers the path itself and all paths below it.
 * Methods are compared in upper case, and a rule for GET covers HEAD too.
 *
 * @returns the rules, or a message that names each invalid rule and field, such as `[2].path: must start with "/"`
 * (counted from 0)
 */
export function parsePolicy(
  json: string,
): { ok: true; rules: readonly PolicyRule[] } | { ok: false; message: string } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { ok: false, message: "is not JSON" };
  }
  const parsed = policySchema().safeParse(value, unknownFieldsErrorOption());
  if (!parsed.success) return { ok: false, message: parsed.error.issues.map(describeIssue).join("; ") };
  return { ok: true, rules: parsed.data.map(toRule) };
}

/** Returns every method that a rule names, in upper case, and caches the list for these rules. */
export const listMethodsInRules = lazyPerObject((rules: readonly PolicyRule[]): readonly string[] => [
  ...new Set(rules.flatMap(({ methods }) => [...(methods ?? [])])),
]);

/**
 * True when the path of a rule has no variant but itself. A rule path that has one (`/a//b`) is rejected: requests are compared
 * in decoded variants of their paths, so none could match it.
 */
function isPlainPath(path: string): boolean {
  const covered = path.replace(/\*$/, "");
  const variants = findPathVariants(covered);
  return variants?.size === 1 && variants.has(covered);
}

function toRule(rule: z.infer<ReturnType<typeof ruleSchema>>): PolicyRule {
  const coversBelow = rule.path.endsWith("/*");
  const path = coversBelow ? rule.path.slice(0, -2) : rule.path;
  const maxAgeSeconds = rule.max_age ?? null;
  const foldedPath = foldCaseAndAccents(path);
  const methods = rule.methods?.map((method) => method.toUpperCase()) ?? null;
  return {
    written: { path, stem: removePageSuffix(path, coversBelow) },
    folded: { path: foldedPath, stem: removePageSuffix(foldedPath, coversBelow) },
    coversBelow,
    methods: methods === null ? null : new Set(methods),
    decision: {
      requirement: rule.require === "none" ? { level: "none" } : { level: rule.require, maxAgeSeconds },
      pathPrefix: path + (coversBelow ? "/" : "$"),
      methods,
    },
  };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const place = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return place === "" ? issue.message : `${place}: ${issue.message}`;
}
