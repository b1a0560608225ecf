import * as z from "zod/mini";
import { lazyPer } from "../lib/lazy.ts";
import { zodTypeError } from "../parsing/zod-type-error.ts";
import { foldCase } from "./best-fit.ts";
import { findPathReadings } from "./path-readings.ts";
import { stemOf } from "./path-variants.ts";

/** What a request needs before it may pass. Ages are seconds since the factor was last shown; null is any age. */
export type Requirement =
  | { level: "none" }
  | { level: "first_factor"; maxAgeSeconds: number | null }
  | { level: "second_factor"; maxAgeSeconds: number | null };

/** What the policy asks of a request, and of which other requests it asks the same. One object for each rule. */
export interface Decision {
  readonly requirement: Requirement;
  /**
   * The paths of the rule that decided, as the assertion names them (`core/tokens/assertion.ts`): `/admin/` for `/admin/*`,
   * `/feed$` for exactly `/feed`, and `/` where no rule matched.
   */
  readonly pathPrefix: string;
  /** The methods of the rule, in upper case. Null: every method. */
  readonly methods: readonly string[] | null;
}

/** The path of a rule in one spelling. */
export type RulePath = {
  /** The decoded path without a final `/*`. */
  readonly path: string;
  /** The path without what a variant of it changes: {@link stemOf}. */
  readonly stem: string;
};

/** One rule of `POLICY`, ready to be compared. */
export type PolicyRule = {
  readonly written: RulePath;
  /** For the comparison without regard to case: `foldCase`. */
  readonly folded: RulePath;
  readonly coversBelow: boolean;
  /** Upper case; null is every method. */
  readonly methods: ReadonlySet<string> | null;
  readonly decision: Decision;
};

/** From the weakest to the strictest. */
export const levels = ["none", "first_factor", "second_factor"] as const;

const anyText = () => z.string(zodTypeError("string"));

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
            .array(methodSchema(), zodTypeError("array"))
            .check(z.minLength(1, "must name at least one method, or be left out")),
        ),
        require: z.enum(levels, `must be one of ${levels.join(", ")}`),
        max_age: z.optional(
          z.int("must be a whole number of seconds").check(z.positive("must be at least 1 second")),
        ),
      },
      {
        error: (issue) =>
          issue.code === "unrecognized_keys" ? describeKeys(issue.keys) : zodTypeError("object").error(issue),
      },
    )
    .check(
      z.refine((rule) => rule.require !== "none" || rule.max_age === undefined, {
        path: ["max_age"],
        message: 'means nothing with "none"',
      }),
    );

const policySchema = () => z.array(ruleSchema(), "must be a JSON array of rules");

/**
 * The rules of the `POLICY` variable, in their order.
 *
 * A path is exact (`/admin` is not `/admin/`), or ends in `/*` and then covers the path itself and all below it.
 * Methods are compared in upper case, and a rule for GET covers HEAD too.
 *
 * @returns the rules, or a message that names each wrong rule and field, like `[2].path: must start with "/"`
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
  const parsed = policySchema().safeParse(value);
  if (!parsed.success) return { ok: false, message: parsed.error.issues.map(describeIssue).join("; ") };
  return { ok: true, rules: parsed.data.map(toRule) };
}

/** Every method that some rule names, in upper case. */
export const namedMethods = lazyPer((rules: readonly PolicyRule[]): readonly string[] => [
  ...new Set(rules.flatMap(({ methods }) => [...(methods ?? [])])),
]);

/** A rule that some reading changes could not be met by any request, since all readings are judged. */
function isPlainPath(path: string): boolean {
  const covered = path.replace(/\*$/, "");
  const readings = findPathReadings(covered);
  return readings?.size === 1 && readings.has(covered);
}

function toRule(rule: z.infer<ReturnType<typeof ruleSchema>>): PolicyRule {
  const coversBelow = rule.path.endsWith("/*");
  const path = coversBelow ? rule.path.slice(0, -2) : rule.path;
  const maxAgeSeconds = rule.max_age ?? null;
  const foldedPath = foldCase(path);
  const methods = rule.methods?.map((method) => method.toUpperCase()) ?? null;
  return {
    written: { path, stem: stemOf(path, coversBelow) },
    folded: { path: foldedPath, stem: stemOf(foldedPath, coversBelow) },
    coversBelow,
    methods: methods === null ? null : new Set(methods),
    decision: {
      requirement: rule.require === "none" ? { level: "none" } : { level: rule.require, maxAgeSeconds },
      pathPrefix: path + (coversBelow ? "/" : "$"),
      methods,
    },
  };
}

function describeKeys(keys: readonly string[]): string {
  return `Unrecognized key${keys.length > 1 ? "s" : ""}: ${keys.map((key) => `"${key}"`).join(", ")}`;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const place = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return place === "" ? issue.message : `${place}: ${issue.message}`;
}
