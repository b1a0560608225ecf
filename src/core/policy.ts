import * as z from "zod/mini";
import { findPathReadings } from "./path-readings.ts";
import { wrongType } from "./wrong-type.ts";

/** What a request needs before it may pass. Ages are seconds since the factor was last shown; null is any age. */
export type Requirement =
  | { level: "none" }
  | { level: "first_factor"; maxAgeSeconds: number | null }
  | { level: "second_factor"; maxAgeSeconds: number | null };

/** What the policy asks of a request, and of which other requests it asks the same. One object for each rule. */
export interface Decision {
  readonly requirement: Requirement;
  /**
   * The paths of the rule that decided, as the assertion names them (`core/assertion.ts`): `/admin/` for `/admin/*`,
   * `/feed$` for exactly `/feed`, and `/` where no rule matched.
   */
  readonly pathPrefix: string;
  /** The methods of the rule, in upper case. Null: every method. */
  readonly methods: readonly string[] | null;
}

/** One rule of `POLICY`, ready to be compared. */
export type PolicyRule = {
  /** The decoded path without a final `/*`. */
  readonly path: string;
  readonly foldedPath: string;
  readonly coversBelow: boolean;
  /** Upper case; null is every method. */
  readonly methods: ReadonlySet<string> | null;
  readonly decision: Decision;
};

const levels = ["none", "first_factor", "second_factor"] as const;

const noMatch: Decision = {
  requirement: { level: "second_factor", maxAgeSeconds: null },
  pathPrefix: "/",
  methods: null,
};

const anyText = () => z.string(wrongType("string"));

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
            .array(methodSchema(), wrongType("array"))
            .check(z.minLength(1, "must name at least one method, or be left out")),
        ),
        require: z.enum(levels, `must be one of ${levels.join(", ")}`),
        max_age: z.optional(
          z.int("must be a whole number of seconds").check(z.positive("must be at least 1 second")),
        ),
      },
      {
        error: (issue) =>
          issue.code === "unrecognized_keys" ? describeKeys(issue.keys) : wrongType("object").error(issue),
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

/**
 * What the policy asks of a request. Every reading of the path is judged, with and without regard to case, the first
 * rule that matches a reading counts for it, no match is `second_factor`, and the strictest outcome holds (INC-05,
 * INC-07). Of two rules that ask for the same, the one that was found first is named.
 *
 * @param rawPath the path as received, without the query
 * @returns null when the path does not parse; the caller answers 400
 */
export function judgePath(rules: readonly PolicyRule[], method: string, rawPath: string): Decision | null {
  const readings = findPathReadings(rawPath);
  if (readings === null) return null;
  if (rules.length === 0) return noMatch;
  const upperMethod = method.toUpperCase();
  let strictest: Decision | null = null;
  for (const reading of readings) {
    const folded = foldCase(reading);
    const exact = rules.find((rule) => matches(rule, rule.path, upperMethod, reading));
    const caseless = rules.find((rule) => matches(rule, rule.foldedPath, upperMethod, folded));
    for (const rule of [exact, caseless]) strictest = stricter(strictest, rule?.decision ?? noMatch);
  }
  return strictest;
}

function matches(rule: PolicyRule, path: string, method: string, requested: string): boolean {
  if (rule.methods && !rule.methods.has(method) && !(method === "HEAD" && rule.methods.has("GET")))
    return false;
  if (!rule.coversBelow) return requested === path;
  return requested.startsWith(path) && (requested.length === path.length || requested[path.length] === "/");
}

/** Second factor over first over none; of one level the one with an age, and of two ages the smaller. */
function stricter(left: Decision | null, right: Decision): Decision {
  if (left === null) return right;
  const distance = levels.indexOf(right.requirement.level) - levels.indexOf(left.requirement.level);
  if (distance !== 0) return distance > 0 ? right : left;
  return maxAge(right.requirement) < maxAge(left.requirement) ? right : left;
}

function maxAge(requirement: Requirement): number {
  return requirement.level === "none" ? Infinity : (requirement.maxAgeSeconds ?? Infinity);
}

/**
 * The form in which paths are compared without regard to case. Upper case first: it maps letters like the long s and the
 * Kelvin sign to the ones that file systems take them for.
 */
export function foldCase(text: string): string {
  return text.normalize("NFKC").toUpperCase().toLowerCase();
}

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
  const methods = rule.methods?.map((method) => method.toUpperCase()) ?? null;
  return {
    path,
    foldedPath: foldCase(path),
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
