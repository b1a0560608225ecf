import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import type { Failure } from "../../../domain/failure.ts";
import type { Scope, UserServiceCall } from "../../../domain/service-api/service-caller.ts";
import { readBodyText } from "../../body-text.ts";
import type { AppContext } from "../../context.ts";
import { parseFields, parseJson } from "../../json-body.ts";
import type { AnyFailure } from "../../problem/problem.ts";
import { nothing } from "../fields.ts";
import type { Method, Operation } from "../operation.ts";
import { succeeded } from "../visitor/success.ts";
import { readServiceRequest, respondToServiceCall } from "./service-call.ts";
import { exportKeyParameter } from "./service-schemas.ts";

/** What a call of a backend brings. */
export interface ServiceOperationInput<Query, Body> {
  readonly query: Query;
  readonly body: Body;
  /** A parameter of the path. */
  readonly param: (name: string) => string;
  /** Where the Worker answers. */
  readonly issuer: string;
  /** What the key may send browsers to. */
  readonly returnUrls: readonly string[];
  readonly scopes: readonly string[];
  readonly keyId: string | null;
}

/** A call of the service API, as it is written down. */
export interface ServiceOperationSpec<
  M extends Method,
  P extends string,
  Q extends z.ZodMiniType,
  B extends z.ZodMiniType,
  S extends z.ZodMiniType,
  Result extends { readonly ok: true },
> {
  readonly id: string;
  readonly method: M;
  readonly path: P;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope;
  readonly query?: () => Q;
  readonly body?: () => B;
  readonly bodyExample?: z.input<B>;
  /** Of `data`. */
  readonly data: () => S;
  readonly example: z.input<S>;
  /** 200 by default. */
  readonly status?: ContentfulStatusCode;
  /** For a call that can also create something. */
  readonly createdStatus?: (result: Result) => boolean;
  readonly failures?: readonly AnyFailure["reason"][];
  readonly act: (
    c: AppContext,
    call: UserServiceCall<Result>,
    input: ServiceOperationInput<z.output<Q>, z.output<B>>,
  ) => Promise<Result | Failure>;
  readonly present: (result: Result, realm: string) => z.input<S>;
}

/** An operation whose shapes a typed client can be made from. */
export interface TypedOperation<M extends Method, P extends string, Q, B, Data> extends Operation {
  readonly method: M;
  readonly path: P;
  /** Never there: it carries types only. */
  readonly shapes?: { readonly query: Q; readonly body: B; readonly data: Data };
}

/**
 * Makes an operation of the service API: key, scope, realm, retries and shapes are looked after here. It is called
 * twice, because what `act` comes to is given and everything else is inferred.
 */
export const serviceOperation =
  <Result extends { readonly ok: true }>() =>
  <
    const M extends Method,
    const P extends string,
    S extends z.ZodMiniType,
    Q extends z.ZodMiniType = ReturnType<typeof nothing>,
    B extends z.ZodMiniType = ReturnType<typeof nothing>,
  >(
    spec: ServiceOperationSpec<M, P, Q, B, S, Result>,
  ): TypedOperation<M, P, z.input<Q>, z.input<B>, z.input<S>> => {
    const { id, method, path, tag, summary, description, scope, data, example } = spec;
    const status = spec.status ?? 200;
    const querySchema = lazy((spec.query ?? nothing) as () => Q);
    const bodySchema = lazy((spec.body ?? nothing) as () => B);
    const schema = () => succeeded({ data: data() });
    const repeatable = method === "post";
    const success = { description: "Done", schema, example: { status: "success", data: example } } as const;
    return {
      id,
      method,
      path,
      tag,
      summary,
      ...(description === undefined ? {} : { description }),
      access: scope,
      ...(spec.failures?.includes("export_key_required") === true ? { headers: exportKeyParameter } : {}),
      ...(spec.query === undefined ? {} : { query: querySchema }),
      ...(spec.body === undefined ? {} : { body: bodySchema, bodyExample: spec.bodyExample }),
      repeatable,
      successes: [
        { status, ...success },
        ...(spec.createdStatus === undefined
          ? []
          : [{ ...success, status: 201, description: "Created" } as const]),
      ],
      failures: spec.failures ?? [],
      handle: async (c) => {
        const text = method === "get" ? "" : await readBodyText(c);
        const request = await readServiceRequest(c, scope, { body: text, repeatable });
        const { realm: _realm, ...rest } = c.req.query();
        const query = parseFields(querySchema(), rest);
        const body = parseJson(c, text, bodySchema());
        const { caller } = request;
        const input = {
          query,
          body,
          param: (name: string) => c.req.param(name) ?? "",
          issuer: c.var.publicOrigin + c.var.config.basePath,
          returnUrls: caller.returnUrls,
          scopes: caller.scopes,
          keyId: caller.keyId,
        };
        return respondToServiceCall<Result>(
          c,
          request,
          {
            status: (result) => (spec.createdStatus?.(result) === true ? 201 : status),
            data: (result) => spec.present(result, caller.realm),
          },
          (call) => spec.act(c, call, input),
        );
      },
    };
  };
