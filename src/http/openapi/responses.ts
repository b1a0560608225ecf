import { type DocumentedSuccess, isApiKeyScope, type Operation } from "../api/operation.ts";
import type { AnyFailure } from "../problem/http-failure.ts";
import { problemStatusAndTextsOf } from "../problem/problem-kinds.ts";
import type { HeaderObject, JsonSchema, MediaTypeObject, ReferenceObject, ResponseObject } from "./shapes.ts";
import type { JsonSchemaWriter } from "./shared-schemas.ts";

type Reason = AnyFailure["reason"];

const problemType = "application/problem+json";
const seconds: JsonSchema = { type: "integer", minimum: 0 };
const text: JsonSchema = { type: "string" };

/** The headers that more than one response has. */
export const sharedHeaderObjects = {
  "X-Request-Id": {
    description: "The ID of the request in the operator's log",
    required: true,
    schema: text,
  },
  "Cache-Control": { description: "no-store, except for public resources", required: true, schema: text },
  "Retry-After": { description: "Seconds to wait", required: true, schema: seconds },
  RateLimit: { description: "The remainder of the limit, and when it grows again", schema: text },
  "RateLimit-Policy": { description: "The limit that this request counts towards", schema: text },
  "Idempotency-Replayed": {
    description: "This is a copy of the first response to the same request",
    schema: { type: "string", const: "true" },
  },
} as const satisfies Record<string, HeaderObject>;

const headerRefs = (names: readonly (keyof typeof sharedHeaderObjects)[]): Record<string, ReferenceObject> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/**
 * Returns the OpenAPI descriptions of an operation's responses, by status. The responses for failures are added to `shared`
 * and referred to. Operations with the same status and the same problem codes share one.
 */
export function createResponseObjects(
  operation: Operation,
  writer: JsonSchemaWriter,
  shared: Record<string, ResponseObject>,
): Record<string, ResponseObject | ReferenceObject> {
  const responses: Record<string, ResponseObject | ReferenceObject> = {};
  for (const success of operation.successes)
    responses[success.status] = describeSuccess(operation, success, writer);
  for (const [status, reasons] of groupByStatus(operation)) {
    const codes = [...new Set(reasons.map((reason) => problemStatusAndTextsOf(reason).code))].sort();
    const name = [status, ...codes].join(".");
    const known = responses[status];
    shared[name] ??= describeProblems(reasons);
    responses[status] =
      known !== undefined && "headers" in known
        ? mergeResponses(known, shared[name])
        : { $ref: `#/components/responses/${name}` };
  }
  return responses;
}

function describeSuccess(
  { repeatable }: Operation,
  success: DocumentedSuccess,
  writer: JsonSchemaWriter,
): ResponseObject {
  const { description, schema, mediaType, example, headers = {} } = success;
  const further = Object.entries(headers).map(([name, headerDescription]) => [
    name,
    { description: headerDescription, schema: text },
  ]);
  const content: MediaTypeObject = {
    ...(schema === null ? {} : { schema: writer.write(schema()) }),
    ...(example === undefined ? {} : { example }),
  };
  return {
    description,
    headers: {
      ...headerRefs(["X-Request-Id", "Cache-Control"]),
      ...headerRefs(repeatable === true ? ["Idempotency-Replayed"] : []),
      ...Object.fromEntries(further),
    },
    ...(schema === null && mediaType === undefined
      ? {}
      : { content: { [mediaType ?? "application/json"]: content } }),
  };
}

/** Merges two responses with the same status: `/auth-request` has a 401 without a body as well as a 401 with a problem. */
const mergeResponses = (one: ResponseObject, other: ResponseObject): ResponseObject => ({
  description: `${one.description}; ${other.description}`,
  headers: { ...other.headers, ...one.headers },
  content: { ...one.content, ...other.content },
});

function groupByStatus(operation: Operation): Map<number, Reason[]> {
  const groups = new Map<number, Reason[]>();
  const add = (status: number, reason: Reason) => {
    const group = groups.get(status) ?? [];
    if (!group.includes(reason)) groups.set(status, [...group, reason]);
  };
  for (const reason of reasonsOf(operation)) add(problemStatusAndTextsOf(reason).status, reason);
  for (const reason of operation.refusals?.reasons ?? []) add(operation.refusals?.status ?? 0, reason);
  return groups;
}

/** The failures that the operation names, and those that its access, method and schemas imply. */
function reasonsOf({ access, method, body, query, repeatable, failures }: Operation): Reason[] {
  const writes = method !== "get";
  const isServiceCall = isApiKeyScope(access);
  const needsCredentials = access === "session" || access === "any_session";
  const needsSession = needsCredentials || access === "pending_session";
  return [
    ...(isServiceCall ? (["invalid_api_key", "scope_missing", "no_such_realm"] as const) : []),
    ...(needsCredentials ? (["unauthenticated"] as const) : []),
    ...(writes ? (["cross_origin", "body_too_large", "unsupported_media_type"] as const) : []),
    ...(writes || isServiceCall ? (["malformed_request"] as const) : []),
    ...(body || query || repeatable ? (["invalid_format"] as const) : []),
    ...(repeatable ? (["idempotency_conflict"] as const) : []),
    ...failures,
    ...(needsSession ? (["first_factor_unavailable", "ambiguous_credentials"] as const) : []),
    ...(writes || isServiceCall || needsSession ? (["store_unavailable"] as const) : []),
  ];
}

const countsTowardsLimit = (reason: Reason) => reason === "wrong_code" || reason === "wrong_credentials";

const exampleRequestId = "0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11";
const retryStatuses = [429, 502, 503];

function describeProblems(reasons: readonly Reason[]): ResponseObject {
  const kinds = reasons.map(problemStatusAndTextsOf);
  const codes = [...new Set(kinds.map(({ code }) => code))];
  const examples = kinds.map(({ status: own, code, title, detail }) => [
    code,
    {
      value: {
        type: `urn:sallyport:problem:${code}`,
        title,
        status: own,
        detail,
        code,
        request_id: exampleRequestId,
      },
    },
  ]);
  const waits = reasons.every((reason) => retryStatuses.includes(problemStatusAndTextsOf(reason).status));
  return {
    description: [...new Set(kinds.map(({ title }) => title))].join(", or: "),
    headers: {
      ...headerRefs(["X-Request-Id", "Cache-Control"]),
      ...headerRefs(waits ? ["Retry-After"] : []),
      ...headerRefs(reasons.includes("too_many_attempts") ? ["RateLimit", "RateLimit-Policy"] : []),
      ...headerRefs(reasons.some(countsTowardsLimit) ? ["RateLimit-Policy"] : []),
      ...headerRefs(reasons.includes("wrong_code") ? ["Idempotency-Replayed"] : []),
    },
    content: {
      [problemType]: {
        schema: {
          allOf: [{ $ref: "#/components/schemas/Problem" }, { properties: { code: { enum: codes } } }],
        },
        examples: Object.fromEntries(examples),
      },
    },
  };
}
