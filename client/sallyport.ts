import type { Hono } from "hono";
import { type ClientRequestOptions, hc } from "hono/client";
import type { ClientErrorStatusCode, ServerErrorStatusCode } from "hono/utils/http-status";
import type { serviceOperations } from "../src/http/api/service/service-operations.ts";

/** How a call is refused (RFC 9457). Go by `code`; `detail` is for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly request_id: string;
}

type Operations = (typeof serviceOperations)[number];

/** Calls of streams have no types here, and no path to find them by. */
type Typed<O> = O extends { method: infer M; path: infer P; shapes?: infer S }
  ? string extends P
    ? never
    : Split<M, P, NonNullable<S>>
  : never;

/** One operation can stand for more than one path. */
type Split<M, P, S> = P extends string ? { method: M; path: P; shapes: S } : never;

type Names<P> = P extends `${string}/:${infer Rest}`
  ? Rest extends `${infer Name}/${string}`
    ? Name | Names<`/${Rest}`>
    : Rest
  : never;

/** zod says of an object without members that every member is impossible. */
type Empty<T> = string extends keyof T ? true : false;

type Param<P> = [Names<P>] extends [never] ? unknown : { param: Record<Names<P>, string> };
/** `realm` is for `ADMIN_KEY`. */
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

/** The service API, as hono's client knows an API: from the same schemas that judge a request. */
export type ServiceApi = Hono<
  object,
  { [P in Described["path"]]: Methods<Extract<Described, { path: P }>> },
  "/"
>;

export type ServiceClient = ReturnType<typeof hc<ServiceApi>>;

/**
 * Makes a client of the service API.
 *
 * @param baseUrl where the Worker answers, such as `https://shop.example/api/auth`
 * @param apiKey a key of the realm, or `ADMIN_KEY`
 * @param options hono's own: another `fetch`, further headers
 * @returns `client.v1.users[":id"].verify.$post({ param, json })` and so on. A call throws when there is no answer, and
 *   a TypeError for a parameter that no path can hold.
 */
export function createClient(
  baseUrl: string,
  apiKey: string,
  options: Omit<ClientRequestOptions, "headers"> & { headers?: Record<string, string> } = {},
): ServiceClient {
  const headers = { ...options.headers, Authorization: `Bearer ${apiKey}` };
  return encodeParameters(hc<ServiceApi>(baseUrl, { ...options, headers }));
}

/** hono puts a parameter into the path as it is. An id with a slash in it would be another address. */
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
  // hono takes a last segment of this name away.
  return value === "index" ? "%69ndex" : encodeURIComponent(value);
}
