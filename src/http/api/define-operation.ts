import type * as z from "zod/mini";
import { lazy } from "../../core/lib/lazy.ts";
import type { ApiKeyScope, ServiceCaller, UserServiceCall } from "../../domain/service-api/service-caller.ts";
import { readUtf8BodyTextOrThrow } from "../body-text.ts";
import { requireSessionCaller, type SessionCaller } from "../caller.ts";
import type { AppContext } from "../context.ts";
import { parseJsonBodyOrThrow, validateFieldsOrThrow } from "../json-body.ts";
import { respondWithFailure } from "../problem/failure-response.tsx";
import type { AnyFailure } from "../problem/http-failure.ts";
import { noFieldsSchema } from "./fields.ts";
import { isApiKeyScope, type Operation, type OperationAccess, type OperationMethod } from "./operation.ts";
import {
  authenticateAndLookUpIdempotencyKey,
  exportKeyHeaderDescription,
  respondToAuthenticatedServiceRequest,
  sendPreparedResponse,
} from "./service/service-call.ts";
import type { OkResult, SuccessResponseDefinition } from "./success-response.ts";

type Empty = ReturnType<typeof noFieldsSchema>;

/** What `access` finds out about the caller. */
type CallerOf<A extends OperationAccess, Result> = A extends ApiKeyScope
  ? { readonly call: UserServiceCall<Result>; readonly caller: ServiceCaller }
  : A extends "session"
    ? SessionCaller
    : unknown;

/** What `run` gets: the authenticated caller and the validated request. */
type OperationInput<
  A extends OperationAccess,
  Q extends z.ZodMiniType,
  B extends z.ZodMiniType,
  Result,
> = CallerOf<A, Result> & {
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  /** Returns a parameter of the path, or "". */
  readonly param: (name: string) => string;
};

interface OperationSpec<
  A extends OperationAccess,
  M extends OperationMethod,
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
  readonly response: SuccessResponseDefinition<Result, Body>;
  /** The reasons of failures that the access, the method and the schemas do not imply. */
  readonly failures?: Operation["failures"];
  readonly run: (
    c: AppContext,
    input: OperationInput<A, Q, B, NoInfer<Result>>,
  ) => Promise<NoInfer<Result> | AnyFailure>;
}

/** An operation whose types the typed client reads. */
export interface OperationWithClientTypes<M extends OperationMethod, P extends string, Q, B, Body>
  extends Operation {
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
  const A extends OperationAccess,
  const M extends OperationMethod,
  const P extends string,
  Result extends OkResult,
  Body,
  Q extends z.ZodMiniType = Empty,
  B extends z.ZodMiniType = Empty,
>(
  spec: OperationSpec<A, M, P, Q, B, Result, Body>,
): OperationWithClientTypes<M, P, z.input<Q>, z.input<B>, Body> {
  const { isAvailable, query, body, response, failures = [], run, ...facts } = spec;
  const access: OperationAccess = spec.access;
  const repeatable = isApiKeyScope(access) && spec.method === "post" && spec.stream === undefined;
  const querySchema = lazy((query ?? noFieldsSchema) as () => Q);
  const bodySchema = lazy((body ?? noFieldsSchema) as () => B);

  const readText = async (c: AppContext) =>
    spec.method === "get" || spec.stream === "request" ? "" : readUtf8BodyTextOrThrow(c);
  const parseInput = (c: AppContext, text: string) => {
    // `authenticateAndLookUpIdempotencyKey` has read the realm.
    const { realm: _realm, ...rest } = c.req.query();
    const names = { noun: "parameter", alsoKnown: ["realm"] } as const;
    return {
      // An operation for visitors that takes no query ignores one.
      query:
        query === undefined && !isApiKeyScope(access)
          ? {}
          : validateFieldsOrThrow(querySchema(), rest, names),
      body: spec.stream === "request" ? undefined : parseJsonBodyOrThrow(c, text, bodySchema()),
      param: (name: string) => c.req.param(name) ?? "",
    };
  };
  const runWith = (c: AppContext, caller: object, input: object) =>
    run(c, { ...caller, ...input } as OperationInput<A, Q, B, Result>);

  const handle = async (c: AppContext): Promise<Response> => {
    if (isAvailable?.(c) === false) return respondWithFailure(c, { ok: false, reason: "no_such_page" });
    if (isApiKeyScope(access)) {
      const text = await readText(c);
      const request = await authenticateAndLookUpIdempotencyKey(c, access, { body: text, repeatable });
      const input = parseInput(c, text);
      const { caller } = request;
      return respondToAuthenticatedServiceRequest<Result>(c, request, response.render, (call) =>
        runWith(c, { call, caller }, input),
      );
    }
    const caller = access === "session" ? await requireSessionCaller(c) : {};
    const result = await runWith(c, caller, parseInput(c, await readText(c)));
    return result.ok ? sendPreparedResponse(c, response.render(result)) : respondWithFailure(c, result);
  };

  return {
    ...facts,
    ...(failures.includes("export_key_required") ? { headers: exportKeyHeaderDescription } : {}),
    ...(query === undefined ? {} : { query: querySchema }),
    ...(body === undefined ? {} : { body: bodySchema }),
    repeatable,
    successes: response.successes,
    failures,
    handle,
  };
}
