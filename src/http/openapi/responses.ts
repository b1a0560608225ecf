import { type DocumentedSuccess, isScope, type Operation } from "../api/operation.ts";
import type { AnyFailure } from "../problem/http-failure.ts";
import { describeReason } from "../problem/problem-kinds.ts";
import type { Answer, Header, JsonSchema, MediaType, Reference } from "./shapes.ts";
import type { SchemaWriter } from "./shared-schemas.ts";

type Reason = AnyFailure["reason"];

const problemType = "application/problem+json";
const seconds: JsonSchema = { type: "integer", minimum: 0 };
const text: JsonSchema = { type: "string" };

/** The headers that more than one answer has. */
export const sharedHeaders = {
  "X-Request-Id": { description: "What the operator finds in the log", required: true, schema: text },
  "Cache-Control": { description: "no-store, but for what is public", required: true, schema: text },
  "Retry-After": { description: "Seconds to wait", required: true, schema: seconds },
  RateLimit: { description: "What is left of the limit, and for how long", schema: text },
  "RateLimit-Policy": { description: "The limit that this counts for", schema: text },
  "Idempotency-Replayed": {
    description: "This is the first answer to the same call, once more",
    schema: { type: "string", const: "true" },
  },
} as const satisfies Record<string, Header>;

const headerRefs = (names: readonly (keyof typeof sharedHeaders)[]): Record<string, Reference> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

/** Every answer that a call can get. Refusals that are alike are told once, in `shared`. */
export function describeResponses(
  operation: Operation,
  writer: SchemaWriter,
  shared: Record<string, Answer>,
): Record<string, Answer | Reference> {
  const answers: Record<string, Answer | Reference> = {};
  for (const success of operation.successes)
    answers[success.status] = describeSuccess(operation, success, writer);
  for (const [status, reasons] of groupByStatus(operation)) {
    const codes = [...new Set(reasons.map((reason) => describeReason(reason).code))].sort();
    const name = [status, ...codes].join(".");
    const known = answers[status];
    shared[name] ??= describeRefusal(reasons);
    answers[status] =
      known !== undefined && "headers" in known
        ? joinAnswers(known, shared[name])
        : { $ref: `#/components/responses/${name}` };
  }
  return answers;
}

function describeSuccess(
  { repeatable }: Operation,
  success: DocumentedSuccess,
  writer: SchemaWriter,
): Answer {
  const { description, schema, mediaType, example, headers = {} } = success;
  const further = Object.entries(headers).map(([name, said]) => [name, { description: said, schema: text }]);
  const content: MediaType = {
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

/** One status can be both: nginx asks for a 401 without a body where others get a problem. */
const joinAnswers = (one: Answer, other: Answer): Answer => ({
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
  for (const reason of reasonsOf(operation)) add(describeReason(reason).status, reason);
  for (const reason of operation.refusals?.reasons ?? []) add(operation.refusals?.status ?? 0, reason);
  return groups;
}

/** What a call itself names, and what any call of its kind can meet. */
function reasonsOf({ access, method, body, query, repeatable, failures }: Operation): Reason[] {
  const writes = method !== "get";
  const isServiceCall = isScope(access);
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

const isCounted = (reason: Reason) => reason === "wrong_code" || reason === "wrong_credentials";

const exampleRequestId = "0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11";
const makesWait = [429, 502, 503];

function describeRefusal(reasons: readonly Reason[]): Answer {
  const kinds = reasons.map(describeReason);
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
  const waits = reasons.every((reason) => makesWait.includes(describeReason(reason).status));
  return {
    description: [...new Set(kinds.map(({ title }) => title))].join(", or: "),
    headers: {
      ...headerRefs(["X-Request-Id", "Cache-Control"]),
      ...headerRefs(waits ? ["Retry-After"] : []),
      ...headerRefs(reasons.includes("too_many_attempts") ? ["RateLimit", "RateLimit-Policy"] : []),
      ...headerRefs(reasons.some(isCounted) ? ["RateLimit-Policy"] : []),
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
