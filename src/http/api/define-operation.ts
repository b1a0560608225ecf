import type * as z from "zod/mini";
import { lazy } from "../../core/lib/lazy.ts";
import type { ApiKeyScope, ServiceCaller, UserServiceCall } from "../../domain/service-api/service-caller.ts";
import { readBodyText } from "../body-text.ts";
import { type Caller, getCaller } from "../caller.ts";
import type { AppContext } from "../context.ts";
import { parseFields, parseJson } from "../json-body.ts";
import { respondWithFailure } from "../problem/failure-response.tsx";
import type { AnyFailure } from "../problem/http-failure.ts";
import { noFields } from "./fields.ts";
import { type Access, isScope, type Method, type Operation } from "./operation.ts";
import {
  exportKeyParameter,
  readServiceRequest,
  respondToServiceCall,
  send,
} from "./service/service-call.ts";
import type { OkResult, SuccessResponse } from "./success-response.ts";

type Empty = ReturnType<typeof noFields>;

/** What `access` finds out about the caller. */
type CallerOf<A extends Access, Result> = A extends ApiKeyScope
  ? { readonly call: UserServiceCall<Result>; readonly caller: ServiceCaller }
  : A extends "session"
    ? Caller
    : unknown;

/** What `run` gets: the authenticated caller and the validated request. */
type OperationInput<A extends Access, Q extends z.ZodMiniType, B extends z.ZodMiniType, Result> = CallerOf<
  A,
  Result
> & {
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  /** Returns a parameter of the path, or "". */
  readonly param: (name: string) => string;
};

interface OperationSpec<
  A extends Access,
  M extends Method,
  P extends string,
  Q extends z.ZodMiniType,
  B extends z.ZodMiniType,
  Result extends OkResult,
  Body,
> extends Pick<Operation, "id" | "tag" | "summary" | "description" | "headers" | "bodyType" | "stream"> {
  readonly method: M;
  readonly path: P;
  readonly access: A;
  /** False: the operation responds 404 before it reads the request. Available by default. */
  readonly isAvailable?: (c: AppContext) => boolean;
  readonly query?: () => Q;
  readonly body?: () => B;
  readonly bodyExample?: z.input<B> | string;
  readonly response: SuccessResponse<Result, Body>;
  /** The reasons of failures that the access, the method and the schemas do not imply. */
  readonly failures?: Operation["failures"];
  readonly run: (
    c: AppContext,
    input: OperationInput<A, Q, B, NoInfer<Result>>,
  ) => Promise<NoInfer<Result> | AnyFailure>;
}

/** An operation whose types the typed client reads. */
export interface TypedOperation<M extends Method, P extends string, Q, B, Body> extends Operation {
  readonly method: M;
  readonly path: P;
  /** Never set. It carries types only. */
  readonly shapes?: { readonly query: Q; readonly body: B; readonly response: Body };
}

/**
 * Creates an operation from its parts. The operation authenticates the caller as `access` says, validates query and
 * body, calls `run`, and sends the failure or the successful response. A `POST` of the service API also takes an
 * `Idempotency-Key`, unless it streams.
 */
export function defineOperation<
  const A extends Access,
  const M extends Method,
  const P extends string,
  Result extends OkResult,
  Body,
  Q extends z.ZodMiniType = Empty,
  B extends z.ZodMiniType = Empty,
>(spec: OperationSpec<A, M, P, Q, B, Result, Body>): TypedOperation<M, P, z.input<Q>, z.input<B>, Body> {
  const { isAvailable, query, body, response, failures = [], run, ...facts } = spec;
  const access: Access = spec.access;
  const repeatable = isScope(access) && spec.method === "post" && spec.stream === undefined;
  const querySchema = lazy((query ?? noFields) as () => Q);
  const bodySchema = lazy((body ?? noFields) as () => B);

  const readText = async (c: AppContext) =>
    spec.method === "get" || spec.stream === "request" ? "" : readBodyText(c);
  const parseInput = (c: AppContext, text: string) => {
    const { realm: _realm, ...rest } = c.req.query();
    return {
      // An operation for visitors that takes no query ignores one.
      query: query === undefined && !isScope(access) ? {} : parseFields(querySchema(), rest),
      body: spec.stream === "request" ? undefined : parseJson(c, text, bodySchema()),
      param: (name: string) => c.req.param(name) ?? "",
    };
  };
  const runWith = (c: AppContext, caller: object, input: object) =>
    run(c, { ...caller, ...input } as OperationInput<A, Q, B, Result>);

  const handle = async (c: AppContext): Promise<Response> => {
    if (isAvailable?.(c) === false) return respondWithFailure(c, { ok: false, reason: "no_such_page" });
    if (isScope(access)) {
      const text = await readText(c);
      const request = await readServiceRequest(c, access, { body: text, repeatable });
      const input = parseInput(c, text);
      const { caller } = request;
      return respondToServiceCall<Result>(c, request, response.render, (call) =>
        runWith(c, { call, caller }, input),
      );
    }
    const caller = access === "session" ? await getCaller(c) : {};
    const result = await runWith(c, caller, parseInput(c, await readText(c)));
    return result.ok ? send(c, response.render(result)) : respondWithFailure(c, result);
  };

  return {
    ...facts,
    ...(failures.includes("export_key_required") ? { headers: exportKeyParameter } : {}),
    ...(query === undefined ? {} : { query: querySchema }),
    ...(body === undefined ? {} : { body: bodySchema }),
    repeatable,
    successes: response.successes,
    failures,
    handle,
  };
}
