import type { Hono } from "hono";
import { type ClientRequestOptions, hc } from "hono/client";
import type { ClientErrorStatusCode, ServerErrorStatusCode } from "hono/utils/http-status";
import type { serviceOperations } from "../src/http/api/service/service-operations.ts";

/** An error response (RFC 9457). `code` identifies the error; `detail` is a text for people, and can change. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly request_id: string;
}

type Operations = (typeof serviceOperations)[number];

/** Excludes operations that stream (import and export): their path is not a literal type. */
type Typed<O> = O extends { method: infer M; path: infer P; shapes?: infer S }
  ? string extends P
    ? never
    : Split<M, P, NonNullable<S>>
  : never;

/** Distributes over the paths of an operation that has several. */
type Split<M, P, S> = P extends string ? { method: M; path: P; shapes: S } : never;

type Names<P> = P extends `${string}/:${infer Rest}`
  ? Rest extends `${infer Name}/${string}`
    ? Name | Names<`/${Rest}`>
    : Rest
  : never;

/** True for an empty object schema: zod infers an index signature for it. */
type Empty<T> = string extends keyof T ? true : false;

type Param<P> = [Names<P>] extends [never] ? unknown : { param: Record<Names<P>, string> };
/** `realm` is only for calls with `ADMIN_KEY`. */
type Query<Q> = { query?: (Empty<Q> extends true ? unknown : Q) & { realm?: string } };
type Json<B> = Empty<B> extends true ? unknown : object extends B ? { json?: B } : { json: B };
type Headers<M> = M extends "post" ? { header?: { "Idempotency-Key"?: string } } : unknown;

type Endpoint<O> = O extends {
  method: infer M;
  path: infer P;
  shapes: { query: infer Q; body: infer B; response: infer R };
}
  ? { input: Param<P> & Query<Q> & Json<B> & Headers<M>; outputFormat: "json" } & (
      | { output: R; status: 200 | 201 }
      | { output: Problem; status: ClientErrorStatusCode | ServerErrorStatusCode }
    )
  : never;

type Described = Typed<Operations>;
type Methods<O> = {
  [One in O as One extends { method: infer M extends string } ? `$${M}` : never]: Endpoint<One>;
};

/** The type of the service API for hono's client, inferred from the schemas that validate requests. */
export type ServiceApi = Hono<
  object,
  { [P in Described["path"]]: Methods<Extract<Described, { path: P }>> },
  "/"
>;

export type ServiceClient = ReturnType<typeof hc<ServiceApi>>;

/**
 * Creates a client of the service API.
 *
 * @param baseUrl the URL of `BASE_PATH`, such as `https://shop.example/api/auth`
 * @param apiKey a key of the realm, or `ADMIN_KEY`
 * @param options of hono's client, such as another `fetch` or further headers
 * @returns `client.v1.users[":id"].verify.$post({ param, json })` and so on. A call throws if it gets no response, and
 *   throws a TypeError for a path parameter that is "", "." or "..".
 */
export function createClient(
  baseUrl: string,
  apiKey: string,
  options: Omit<ClientRequestOptions, "headers"> & { headers?: Record<string, string> } = {},
): ServiceClient {
  const headers = { ...options.headers, Authorization: `Bearer ${apiKey}` };
  return encodeParameters(hc<ServiceApi>(baseUrl, { ...options, headers }));
}

/** Encodes path parameters, which hono inserts unencoded: an id with a slash would change the path. */
function encodeParameters<T extends object>(step: T): T {
  return new Proxy(step, {
    get(target, name) {
      const next = Reflect.get(target, name);
      return typeof next === "function" ? encodeParameters(next) : next;
    },
    apply(target, self, [input, ...rest]) {
      const encoded = input?.param === undefined ? input : { ...input, param: encodeAll(input.param) };
      return Reflect.apply(target as () => unknown, self, [encoded, ...rest]);
    },
  });
}

const encodeAll = (param: Record<string, string>) =>
  Object.fromEntries(Object.entries(param).map(([name, value]) => [name, encodeSegment(name, value)]));

function encodeSegment(name: string, value: string): string {
  if (value === "" || value === "." || value === "..")
    throw new TypeError(`${name} can't be ${value || "empty"}`);
  // hono removes a last segment of this name.
  return value === "index" ? "%69ndex" : encodeURIComponent(value);
}
