import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod/mini";
import type { DocumentedSuccess } from "./operation.ts";

/** A response before it is sent. The one to a repeatable call is stored in this form for retries. */
export interface PreparedResponse {
  readonly status: ContentfulStatusCode;
  readonly type: string;
  readonly body: string | ReadableStream<Uint8Array>;
}

/** The result of an operation that succeeds. */
export interface OkResult {
  readonly ok: true;
}

/** The successful response of an operation: its part of the OpenAPI document, and how a result becomes a response. */
export interface SuccessResponseDefinition<Result, Body> {
  readonly successes: readonly DocumentedSuccess[];
  readonly render: (result: Result) => PreparedResponse;
  /** Never set. It carries the type of the body to the typed client. */
  readonly body?: Body;
}

interface JsonResponseSpec<S extends z.ZodMiniType, Result> {
  /** The schema of the whole body. */
  readonly schema: () => S;
  readonly example: z.input<S>;
  readonly description?: string;
  /** 200 by default. */
  readonly status?: ContentfulStatusCode;
  /** For an operation that either creates or updates: true makes the status 201. */
  readonly isCreated?: (result: Result) => boolean;
  readonly headers?: DocumentedSuccess["headers"];
  /** Renders the body. Annotate the parameter: the operation's result type is inferred from it. */
  readonly present: (result: Result) => z.input<S>;
}

/** Defines a successful JSON response of an operation. The compiler checks that `present` and `example` fit the schema. */
export function defineJsonResponse<S extends z.ZodMiniType, Result extends OkResult = OkResult>(
  spec: JsonResponseSpec<S, Result>,
): SuccessResponseDefinition<Result, z.input<S>> {
  const { schema, example, status = 200, description = "Done", headers = {}, isCreated, present } = spec;
  const updated: DocumentedSuccess = {
    status,
    description,
    schema: schema as DocumentedSuccess["schema"],
    example,
    headers,
  };
  const created: DocumentedSuccess = { ...updated, status: 201, description: "Created" };
  return {
    successes: isCreated === undefined ? [updated] : [updated, created],
    render: (result) => ({
      status: isCreated?.(result) === true ? 201 : status,
      type: "application/json",
      body: JSON.stringify(present(result)),
    }),
  };
}

/** The schema of a successful body: these members beside `status: "success"`. */
export const bodySchemaWithSuccessStatus = <const Members extends Record<string, z.ZodMiniType>>(
  members: Members,
) => z.object({ status: z.literal("success"), ...members });

/** Returns the body of a successful response: these members beside `status: "success"`, as {@link bodySchemaWithSuccessStatus} describes it. */
export const withSuccessStatus = <Members extends object>(members: Members) => ({
  status: "success" as const,
  ...members,
});

interface DataResponseSpec<S extends z.ZodMiniType, Result>
  extends Omit<JsonResponseSpec<S, Result>, "schema"> {
  /** The schema of the member `data`. `example` and the result of `present` are values of this member, too. */
  readonly data: () => S;
}

/** Defines a successful JSON response whose body is `{ "status": "success", "data": … }`. */
export function defineDataResponse<S extends z.ZodMiniType, Result extends OkResult = OkResult>(
  spec: DataResponseSpec<S, Result>,
): SuccessResponseDefinition<Result, { status: "success"; data: z.input<S> }> {
  const { data, example, present, ...rest } = spec;
  const withStatus = (value: z.input<S>) => withSuccessStatus({ data: value });
  const response = defineJsonResponse<
    z.ZodMiniType<unknown, { status: "success"; data: z.input<S> }>,
    Result
  >({
    ...rest,
    schema: () => bodySchemaWithSuccessStatus({ data: data() }) as never,
    example: withStatus(example),
    present: (result) => withStatus(present(result)),
  });
  return response;
}

interface StreamResponseSpec {
  readonly description: string;
  readonly mediaType: string;
  readonly example: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Defines a successful response whose body is a stream that is not JSON. */
export const defineStreamResponse = (
  spec: StreamResponseSpec,
): SuccessResponseDefinition<OkResult & { readonly stream: ReadableStream<Uint8Array> }, never> => ({
  successes: [{ status: 200, schema: null, ...spec }],
  render: ({ stream }) => ({ status: 200, type: spec.mediaType, body: stream }),
});
