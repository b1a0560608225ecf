import type { Config } from "../config/config.ts";
import { decodeAsciiEscapesThreeTimes } from "../core/parsing/folded-name.ts";
import { findParameterValuesReadableAs } from "../core/parsing/query-string.ts";
import type { RequestInterpretation } from "../core/policy/evaluate-policy.ts";
import { listMethodsInRules, type PolicyRule } from "../core/policy/policy.ts";
import { canActBelowPath } from "./acts-below.ts";
import { isMethodOverrideHeader } from "./cleared-headers.ts";
import { parseSiteAddress } from "./destination.ts";

/** The parts of a request that decide how an origin serves it. */
export interface RequestParts {
  /** The method as the client sent it. */
  readonly method: string;
  /** The path as the client sent it, without the query. */
  readonly path: string;
  /** The query as the client sent it, with the `?`. Empty: there is none. */
  readonly query: string;
  readonly headers: Headers;
  /** True when the client's override headers reach the origin. */
  readonly overridesForwarded: boolean;
  /** The hosts of the site. A `Destination` with another host is invalid. */
  readonly hosts: readonly string[];
}

/** The part of a request that is invalid, so that the policy can't be applied. */
export type UnreadableRequestPart = "method" | "path" | "host" | "destination" | "method_override";

/** The ways in which an origin may serve a request. */
export interface RequestInterpretations {
  /** The request as it came. */
  readonly itself: RequestInterpretation;
  readonly others: readonly RequestInterpretation[];
}

/**
 * True for a method that may be forwarded to an origin (INC-31). It has no lower-case letter: methods are case-sensitive (RFC 9110
 * 9.1), but some servers serve `get` as `GET`. `TRACE` and `TRACK` are excluded because they return the request's headers to the
 * client, with the assertion among them, and `CONNECT` because it opens a tunnel.
 */
export const isForwardableMethod = (method: string): boolean =>
  /^[!#$%&'*+.^_`|~0-9A-Z-]+$/.test(method) && !["TRACE", "TRACK", "CONNECT"].includes(method);

/** A request with more override methods than this is rejected as an attack. */
const maxOverrides = 8;

/** Frameworks read it from a form field, a query parameter or a JSON field. */
const overrideParameter = "_method";

/**
 * Finds all the ways in which an origin may serve a request (INC-31). Beside the request itself these are:
 *
 * - under each method that an override header or a `_method` in the query names;
 * - for a POST, each method that a rule names: its body may have a `_method`, and the gate does not read bodies;
 * - the same at the path of the header `Destination` (RFC 4918 10.3).
 *
 * A method that acts on the members of a collection is judged for everything below the path: {@link canActBelowPath}.
 *
 * @returns the first invalid part in place of the interpretations, when there is one
 */
export function findRequestInterpretations(
  { policy, methodOverride }: Pick<Config, "policy" | "methodOverride">,
  request: RequestParts,
): RequestInterpretations | UnreadableRequestPart {
  const { method, path, headers } = request;
  if (!isForwardableMethod(method)) return "method";
  const overrides = findOverrides(request, methodOverride);
  if (overrides.length > maxOverrides) return "method_override";
  const [itself, ...others] = interpretationsAt(path, method, headers, alsoAtSource);
  for (const served of overrides) others.push(...interpretationsAt(path, served, headers, alsoAtSource));
  if (method === "POST") others.push(...interpretationsOfPost(policy, methodOverride, request));
  const destination = headers.get("Destination");
  if (destination === null) return { itself, others };
  const target = readDestination(destination, request.hosts);
  if (target === null) return "destination";
  const sameThere = [itself, ...others].map(
    (interpretation): RequestInterpretation => ({ ...interpretation, path: target }),
  );
  const written = [method, ...overrides].flatMap((served) =>
    interpretationsAt(target, served, headers, alsoAtDestination),
  );
  return { itself, others: [...others, ...sameThere, ...written] };
}

const none: readonly string[] = [];

/** Finds the methods in the override headers and in the query. */
function findOverrides(request: RequestParts, mode: Config["methodOverride"]): readonly string[] {
  const fromHeaders = request.overridesForwarded ? overridesInHeaders(request.headers) : none;
  const fromQuery = mode === "never" ? none : overridesInQuery(request.query);
  if (fromHeaders.length + fromQuery.length === 0) return none;
  return [...new Set([...fromHeaders, ...fromQuery].flatMap(readMethods))];
}

function overridesInHeaders(headers: Headers): readonly string[] {
  const values: string[] = [];
  headers.forEach((value, name) => {
    // The cheap test comes first: folding every name would cost more than the rest of this function.
    if (name.includes("method") && isMethodOverrideHeader(name)) values.push(value);
  });
  return values;
}

function overridesInQuery(query: string): readonly string[] {
  if (!/method|%/i.test(query)) return none;
  return findParameterValuesReadableAs(query.slice(1), overrideParameter);
}

/** Every word of the value counts, because frameworks differ: some trim it, unquote it, or use one of several. */
function readMethods(value: string): readonly string[] {
  const words = decodeAsciiEscapesThreeTimes(value).match(/[A-Za-z][A-Za-z-]*/g) ?? [];
  return words.map((word) => word.toUpperCase());
}

/** `COPY` discloses the source to readers of the target, and `MOVE` also deletes the source (RFC 4918 9.8, 9.9). */
const alsoAtSource: Readonly<Record<string, readonly string[]>> = { COPY: ["GET"], MOVE: ["GET", "DELETE"] };

/** `COPY` and `MOVE` write the destination and delete what was there (RFC 4918 9.8.4, 9.9.3). */
const alsoAtDestination: Readonly<Record<string, readonly string[]>> = {
  COPY: ["PUT", "DELETE"],
  MOVE: ["PUT", "DELETE"],
};

function interpretationsAt(
  path: string,
  method: string,
  headers: Headers,
  also: typeof alsoAtSource,
): [RequestInterpretation, ...RequestInterpretation[]] {
  const others = also[method] ?? none;
  const named = others.map(
    (other): RequestInterpretation => ({ method: other, path, namedOnly: true, withBelow: "all" }),
  );
  return [canActBelowPath(method, headers) ? { method, path, withBelow: "all" } : { method, path }, ...named];
}

/** The methods that Rails, Laravel, Symfony and Spring accept in the `_method` of a POST. */
const methodsOfForms = ["PUT", "PATCH", "DELETE"];

/**
 * Returns the interpretations of a POST whose body has a `_method`, which the gate does not read. With `METHOD_OVERRIDE=pass` the
 * site is known to support `_method`, so all rules are applied to each of {@link methodsOfForms}. Otherwise only rules that name
 * a method in `methods` are applied to it. If a rule for all methods applied too, it would apply to the POST of a login form as
 * to a PUT, and a rule that opens the form for POST alone would have no effect.
 */
function interpretationsOfPost(
  policy: readonly PolicyRule[],
  mode: Config["methodOverride"],
  { path, headers }: Pick<RequestParts, "path" | "headers">,
): readonly RequestInterpretation[] {
  if (mode === "never") return [];
  // "ruled": a rule for exactly the path of a login form still makes the form public.
  const inBody = (method: string): RequestInterpretation =>
    canActBelowPath(method, headers) ? { method, path, withBelow: "ruled" } : { method, path };
  const known = mode === "pass" ? methodsOfForms : none;
  const named = listMethodsInRules(policy).filter((method) => method !== "POST" && !known.includes(method));
  return [
    ...known.map(inBody),
    ...named.map((method): RequestInterpretation => ({ ...inBody(method), namedOnly: true })),
  ];
}

/**
 * Returns the path of a `Destination`. Null for an address that {@link parseSiteAddress} rejects, and for one with a query, which
 * servers treat in different ways.
 */
function readDestination(destination: string, hosts: readonly string[]): string | null {
  const path = parseSiteAddress(destination, hosts)?.path;
  return path === undefined || path.includes("?") ? null : path;
}
