import { realmForm } from "../../core/parsing/user-id.ts";
import { userId } from "../api/fields.ts";
import { isScope, type Operation } from "../api/operation.ts";
import { cookieNames } from "../cookies.ts";
import { problemCodes } from "../problem/problem-kinds.ts";
import { describeResponses, sharedHeaders } from "./responses.ts";
import type {
  Answer,
  ApiDocument,
  DocumentedOperation,
  JsonSchema,
  Parameter,
  Reference,
  RequestBody,
} from "./shapes.ts";
import { createSchemaWriter, type SchemaWriter } from "./shared-schemas.ts";

/** In the order in which people look for them. */
const tags: Readonly<Record<string, string>> = {
  Users: "The accounts of a realm, under your own ids.",
  "Second factor": "Set it up, check codes, and help who has lost the phone.",
  "Hosted challenge": "Send a browser through the second factor and get it back with a receipt.",
  Sessions: "Where a user is signed in.",
  Events: "What has happened in the realm.",
  "Moving users": "In from another system, and out again: nobody scans a new QR code.",
  "API keys": "Who may call for a realm.",
  "Sign-in": "The two doors, for visitors with a password here.",
  "Own second factor": "The second factor of who is signed in.",
  "Own sessions": "Who am I, where else am I, and out.",
  "Forward-auth": "For a proxy in front of the site.",
  Deployment: "What machines ask that have no account.",
};

const description = `Calls take and give JSON. Backends show an API key of their realm as a bearer token, visitors their session token or its cookie.

A problem (RFC 9457) has a code to go by. Where waiting helps, Retry-After says how long. Times are RFC 3339 in UTC.

A POST of a backend takes an Idempotency-Key: for 24 hours the same call with the same key gets the first answer, and another call a 409.

Lists have next_cursor: hand it back as cursor until it is null.`;

const text: JsonSchema = { type: "string" };

const problem: JsonSchema = {
  type: "object",
  description: "A problem (RFC 9457)",
  required: ["type", "title", "status", "detail", "code", "request_id"],
  properties: {
    type: { type: "string", format: "uri" },
    title: text,
    status: { type: "integer" },
    detail: { type: "string", description: "For people" },
    code: { type: "string", enum: problemCodes },
    request_id: { type: "string", description: "What the operator finds in the log" },
    max_age: { type: "integer", description: "Seconds that the second factor may be old" },
    sign_in: { type: "string", description: "The page that helps" },
    parts: { type: "object", additionalProperties: { type: "string", enum: ["ok", "failing"] } },
  },
};

const parameters = {
  realm: {
    name: "realm",
    in: "query",
    required: false,
    description: "With ADMIN_KEY: the realm to speak for, local by default. A key has its own only",
    schema: { type: "string", pattern: realmForm.source },
  },
  "Idempotency-Key": {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "The same one with each retry of a call, another one with another call",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
} as const satisfies Record<string, Parameter>;

const parameterRef = (name: keyof typeof parameters): Reference => ({
  $ref: `#/components/parameters/${name}`,
});

const bearer = { type: "http", scheme: "bearer" };
const [sessionCookie, pendingCookie] = cookieNames;
const securitySchemes = {
  apiKey: { ...bearer, description: "An API key (sp_…) with the scope that is named, or ADMIN_KEY" },
  sessionToken: { ...bearer, description: "The session_token of a full session" },
  sessionCookie: { type: "apiKey", in: "cookie", name: sessionCookie, description: "The same, for pages" },
  pendingCookie: {
    type: "apiKey",
    in: "cookie",
    name: pendingCookie,
    description: "In place of session_token",
  },
};

/** Makes the OpenAPI document of these calls, from the schemas that judge and describe them. */
export function describeApi(operations: readonly Operation[], basePath: string): ApiDocument {
  const writer = createSchemaWriter();
  const responses: Record<string, Answer> = {};
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method]: describeOperation(operation, writer, responses) };
  }
  const used = new Set(operations.map(({ tag }) => tag));
  const names = [...new Set([...Object.keys(tags), ...used])].filter((name) => used.has(name));
  return {
    openapi: "3.1.1",
    info: { title: "Sallyport", version: "1", description },
    servers: [{ url: basePath }],
    tags: names.map((name) => ({ name, description: tags[name] ?? "" })),
    paths,
    components: {
      securitySchemes,
      schemas: { ...writer.named, Problem: problem },
      parameters,
      headers: sharedHeaders,
      responses,
    },
  };
}

function describeOperation(
  operation: Operation,
  writer: SchemaWriter,
  shared: Record<string, Answer>,
): DocumentedOperation {
  const { id, tag, summary, description: more, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(more === undefined ? {} : { description: more }),
    security: securityOf(operation),
    parameters: parametersOf(operation, writer),
    ...(body === undefined ? {} : { requestBody: describeBody(operation, writer.write(body())) }),
    responses: describeResponses(operation, writer, shared),
  };
}

function describeBody({ bodyType, bodyExample }: Operation, schema: JsonSchema): RequestBody {
  const lines = { type: "string", description: "One object a line", contentSchema: schema };
  return {
    required: bodyType !== undefined || schema.required !== undefined,
    content: {
      [bodyType ?? "application/json"]: {
        schema: bodyType === undefined ? schema : lines,
        ...(bodyExample === undefined ? {} : { example: bodyExample }),
      },
    },
  };
}

function securityOf({ access }: Operation): DocumentedOperation["security"] {
  if (access === "anybody") return [];
  if (access === "session" || access === "any_session" || access === "visitor")
    return [{ sessionToken: [] }, { sessionCookie: [] }, ...(access === "visitor" ? [{}] : [])];
  // The token of a pending session stands in the body, or in a cookie.
  return access === "pending_session" ? [{ pendingCookie: [] }, {}] : [{ apiKey: [access] }];
}

function parametersOf(
  { path, query, access, repeatable, headers = {} }: Operation,
  writer: SchemaWriter,
): DocumentedOperation["parameters"] {
  const inPath = [...path.matchAll(/([\w-]+)\/:(\w+)/g)].map(
    ([, list, name = ""]): Parameter => ({
      name,
      in: "path",
      required: true,
      ...(list === "users"
        ? { description: "The user, as you name it", schema: writer.write(userId()) }
        : { description: "Its id", schema: text }),
    }),
  );
  const { properties = {}, required = [] } = query === undefined ? {} : writer.write(query());
  const inQuery = Object.entries(properties).map(
    ([name, { description: said, ...schema }]): Parameter => ({
      name,
      in: "query",
      required: required.includes(name),
      ...(said === undefined ? {} : { description: said }),
      schema,
    }),
  );
  const inHeaders = Object.entries(headers).map(
    ([name, said]): Parameter => ({ name, in: "header", required: false, description: said, schema: text }),
  );
  return [
    ...inPath,
    ...inQuery,
    ...(isScope(access) ? [parameterRef("realm")] : []),
    ...(repeatable === true ? [parameterRef("Idempotency-Key")] : []),
    ...inHeaders,
  ];
}
