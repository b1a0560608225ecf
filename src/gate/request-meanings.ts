import type { Config } from "../config/config.ts";
import { decodeAscii } from "../core/parsing/folded-name.ts";
import { findParameterValues } from "../core/parsing/query-string.ts";
import type { RequestInterpretation } from "../core/policy/evaluate-policy.ts";
import { namedMethods, type PolicyRule } from "../core/policy/policy.ts";
import { actsBelow } from "./acts-below.ts";
import { isOverrideHeader } from "./cleared-headers.ts";

/** What a request says that can make an origin serve it in another way than its first line does. */
export interface AskedRequest {
  /** As it came. */
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** As it came, with its question mark, or empty. */
  readonly query: string;
  readonly headers: Headers;
  /** The origin gets the override headers of the visitor, if there are any. */
  readonly overridesForwarded: boolean;
  /** The names under which visitors ask for the site: a `Destination` names one of them, or none. */
  readonly hosts: readonly string[];
}

/** What of a request can't be judged. */
export type UnreadablePart = "method" | "path" | "host" | "destination" | "method_override";

/** The ways in which an origin may serve a request. */
export interface Meanings {
  /** The request as it came. */
  readonly itself: RequestInterpretation;
  readonly others: readonly RequestInterpretation[];
}

/**
 * True for a method that a policy can be applied to, and that may reach an origin (INC-31). A method is compared exactly (RFC 9110 9.1),
 * and servers do not agree about `get`: some serve it as `GET`. `TRACE` and `TRACK` send the headers of the request back to the
 * client, the assertion among them. `CONNECT` opens a tunnel.
 */
export const isServedMethod = (method: string): boolean =>
  /^[!#$%&'*+.^_`|~0-9A-Z-]+$/.test(method) && !["TRACE", "TRACK", "CONNECT"].includes(method);

/** More methods than this in one request are no mistake. */
const mostOverrides = 8;

/** A form field, a query parameter, or a field of JSON: frameworks look into all three. */
const overrideParameter = "_method";

/**
 * Finds all the ways in which an origin may serve a request (INC-31), beside the request itself:
 *
 * - under each method that an override header or a `_method` in the query names;
 * - a POST under each method that a rule names, because a `_method` may be in its body, which is not read here;
 * - at its `Destination` too (RFC 4918 10.3).
 *
 * A method that acts on a collection's members counts with everything below the path: {@link actsBelow}.
 */
export function findMeanings(
  { policy, methodOverride }: Pick<Config, "policy" | "methodOverride">,
  request: AskedRequest,
): Meanings | UnreadablePart {
  const { method, path, headers } = request;
  if (!isServedMethod(method)) return "method";
  const overrides = findOverrides(request, methodOverride);
  if (overrides.length > mostOverrides) return "method_override";
  const [itself, ...others] = meaningsAt(path, method, headers, alsoAtSource);
  for (const served of overrides) others.push(...meaningsAt(path, served, headers, alsoAtSource));
  if (method === "POST") others.push(...meaningsOfPost(policy, methodOverride, request));
  const destination = headers.get("Destination");
  if (destination === null) return { itself, others };
  const target = readDestination(destination, request.hosts);
  if (target === null) return "destination";
  const sameThere = [itself, ...others].map(
    (meaning): RequestInterpretation => ({ ...meaning, path: target }),
  );
  const written = [method, ...overrides].flatMap((served) =>
    meaningsAt(target, served, headers, alsoAtDestination),
  );
  return { itself, others: [...others, ...sameThere, ...written] };
}

const none: readonly string[] = [];

/** The methods that the request names beside its own, without those in a body. */
function findOverrides(request: AskedRequest, mode: Config["methodOverride"]): readonly string[] {
  const fromHeaders = request.overridesForwarded ? overridesInHeaders(request.headers) : none;
  const fromQuery = mode === "never" ? none : overridesInQuery(request.query);
  if (fromHeaders.length + fromQuery.length === 0) return none;
  return [...new Set([...fromHeaders, ...fromQuery].flatMap(readMethods))];
}

function overridesInHeaders(headers: Headers): readonly string[] {
  const values: string[] = [];
  headers.forEach((value, name) => {
    // To fold every name would cost more than the rest of the judgement.
    if (name.includes("method") && isOverrideHeader(name)) values.push(value);
  });
  return values;
}

function overridesInQuery(query: string): readonly string[] {
  if (!/method|%/i.test(query)) return none;
  return findParameterValues(query.slice(1), overrideParameter);
}

/** Every word of the value: frameworks trim it, take it out of quotes, or take one of several. */
function readMethods(value: string): readonly string[] {
  const words = decodeAscii(value).match(/[A-Za-z][A-Za-z-]*/g) ?? [];
  return words.map((word) => word.toUpperCase());
}

/** A copy is read where it lies afterwards, and what is moved is gone from here (RFC 4918 9.8, 9.9). */
const alsoAtSource: Readonly<Record<string, readonly string[]>> = { COPY: ["GET"], MOVE: ["GET", "DELETE"] };

/** Both write there, and delete what was there (RFC 4918 9.8.4, 9.9.3). */
const alsoAtDestination: Readonly<Record<string, readonly string[]>> = {
  COPY: ["PUT", "DELETE"],
  MOVE: ["PUT", "DELETE"],
};

function meaningsAt(
  path: string,
  method: string,
  headers: Headers,
  also: typeof alsoAtSource,
): [RequestInterpretation, ...RequestInterpretation[]] {
  const others = also[method] ?? none;
  const named = others.map(
    (other): RequestInterpretation => ({ method: other, path, namedOnly: true, withBelow: "all" }),
  );
  return [actsBelow(method, headers) ? { method, path, withBelow: "all" } : { method, path }, ...named];
}

/** What frameworks make of a POST by themselves: Rails, Laravel, Symfony, Spring. */
const methodsOfForms = ["PUT", "PATCH", "DELETE"];

/**
 * A POST whose body names another method. With `pass` the site is known to take such methods, so all of them count fully.
 * Otherwise only rules count that name the method: under all rules no login form could be opened for POST alone.
 */
function meaningsOfPost(
  policy: readonly PolicyRule[],
  mode: Config["methodOverride"],
  { path, headers }: Pick<AskedRequest, "path" | "headers">,
): readonly RequestInterpretation[] {
  if (mode === "never") return [];
  // "ruled": a rule for exactly the path of a login form still opens the form.
  const inBody = (method: string): RequestInterpretation =>
    actsBelow(method, headers) ? { method, path, withBelow: "ruled" } : { method, path };
  const known = mode === "pass" ? methodsOfForms : none;
  const named = namedMethods(policy).filter((method) => method !== "POST" && !known.includes(method));
  return [
    ...known.map(inBody),
    ...named.map((method): RequestInterpretation => ({ ...inBody(method), namedOnly: true })),
  ];
}

/**
 * The path of a `Destination`: `/path`, or an http(s) address of one of these hosts. A query, a fragment, a user name or a
 * blank has no place there, and servers disagree about what it means. What is left is judged like any path.
 */
function readDestination(destination: string, hosts: readonly string[]): string | null {
  const [, authority, path] = /^(https?:\/\/[^/?#\\@\s]+)?(\/[^?#\s]*)$/i.exec(destination) ?? [];
  if (path === undefined) return null;
  if (authority === undefined) return path.startsWith("//") ? null : path;
  const host = URL.parse(authority)?.host;
  return host !== undefined && hosts.includes(host) ? path : null;
}
