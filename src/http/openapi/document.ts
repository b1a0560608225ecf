import { realmNamePattern } from "../../core/parsing/user-id.ts";
import { userIdSchema } from "../api/fields.ts";
import { isApiKeyScope, type Operation } from "../api/operation.ts";
import { sallyportCookieNames } from "../cookies.ts";
import { problemCodes } from "../problem/problem-kinds.ts";
import { createResponseObjects, sharedHeaderObjects } from "./responses.ts";
import type {
  JsonSchema,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  ReferenceObject,
  RequestBodyObject,
  ResponseObject,
} from "./shapes.ts";
import { createJsonSchemaWriter, type JsonSchemaWriter } from "./shared-schemas.ts";

/** Descriptions of the tags, in the order of the document. */
const tags: Readonly<Record<string, string>> = {
  Users: "The accounts of a realm, under your own ids.",
  "Second factor": "Set it up, check codes, and help a user who has lost the phone.",
  "Hosted challenge": "Send a browser to Sallyport's page for the second factor. It returns with a receipt.",
  Sessions: "The sessions of a user.",
  Events: "The audit events of the realm.",
  "Moving users": "Import users from another system and export them, with their authenticators.",
  "API keys": "The keys of a realm for the service API.",
  "Sign-in": "Sign in with a password and a code, if the first factor is a password of Sallyport.",
  "Own second factor": "The second factor of the signed-in user.",
  "Own sessions": "The sessions of the signed-in user, and sign-out.",
  "Forward-auth": "Access decisions for a proxy in front of the site.",
  Deployment: "State and public keys of the deployment, and this document.",
};

const description = `Requests and responses are JSON. A backend sends an API key of its realm as a bearer token. A visitor's client sends the session token or its cookie.

An error is a problem (RFC 9457). Its code identifies the kind of error. If waiting helps, Retry-After has the seconds to wait. Times are RFC 3339: in responses in UTC, in requests with any offset.

A POST of the service API takes an Idempotency-Key. For 24 hours a retry with the same key gets the first response, and another request with this key gets 409.

A list has next_cursor: send it as cursor to get the next page, until it is null.`;

const text: JsonSchema = { type: "string" };

const problem: JsonSchema = {
  type: "object",
  description: "A problem (RFC 9457)",
  required: ["type", "title", "status", "detail", "code", "request_id"],
  properties: {
    type: { type: "string", format: "uri" },
    title: text,
    status: { type: "integer" },
    detail: { type: "string", description: "A text for people. It can change" },
    code: { type: "string", enum: problemCodes },
    request_id: { type: "string", description: "The ID of the request in the operator's log" },
    max_age: { type: "integer", description: "Maximum age of the second factor, in seconds" },
    sign_in: { type: "string", description: "The page on which the visitor can continue" },
    hand_over: {
      type: "string",
      description:
        "Where a script sends a POST with the same credentials before it opens sign_in, so that the page sees them",
    },
    parts: { type: "object", additionalProperties: { type: "string", enum: ["ok", "failing"] } },
  },
};

const parameters = {
  realm: {
    name: "realm",
    in: "query",
    required: false,
    description: "With ADMIN_KEY: the realm of the call, local by default. An API key has only its own realm",
    schema: { type: "string", pattern: realmNamePattern.source },
  },
  "Idempotency-Key": {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "The same value for each retry of a request, a new value for each new request",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
} as const satisfies Record<string, ParameterObject>;

const parameterRef = (name: keyof typeof parameters): ReferenceObject => ({
  $ref: `#/components/parameters/${name}`,
});

const bearer = { type: "http", scheme: "bearer" };
const [sessionCookie, pendingCookie] = sallyportCookieNames;
const securitySchemes = {
  apiKey: { ...bearer, description: "An API key (sp_…) with the named scope, or ADMIN_KEY" },
  sessionToken: { ...bearer, description: "The session_token of a full session" },
  sessionCookie: {
    type: "apiKey",
    in: "cookie",
    name: sessionCookie,
    description: "The session_token of a full session, in the cookie",
  },
  pendingCookie: {
    type: "apiKey",
    in: "cookie",
    name: pendingCookie,
    description: "The session_token of a pending session, in the cookie",
  },
};

/** Creates the OpenAPI document of these operations from the schemas that validate their requests. */
export function createOpenApiDocument(operations: readonly Operation[], basePath: string): OpenApiDocument {
  const writer = createJsonSchemaWriter();
  const responses: Record<string, ResponseObject> = {};
  const paths: Record<string, Record<string, OperationObject>> = {};
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
      headers: sharedHeaderObjects,
      responses,
    },
  };
}

function describeOperation(
  operation: Operation,
  writer: JsonSchemaWriter,
  shared: Record<string, ResponseObject>,
): OperationObject {
  const { id, tag, summary, description: longDescription, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(longDescription === undefined ? {} : { description: longDescription }),
    security: securityOf(operation),
    parameters: parametersOf(operation, writer),
    ...(body === undefined ? {} : { requestBody: describeBody(operation, writer.write(body())) }),
    responses: createResponseObjects(operation, writer, shared),
  };
}

function describeBody({ bodyType, bodyExample }: Operation, schema: JsonSchema): RequestBodyObject {
  const lines = { type: "string", description: "One JSON object on each line", contentSchema: schema };
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

function securityOf({ access }: Operation): OperationObject["security"] {
  if (access === "public") return [];
  if (access === "session" || access === "any_session" || access === "visitor")
    return [{ sessionToken: [] }, { sessionCookie: [] }, ...(access === "visitor" ? [{}] : [])];
  // The token of a pending session is in the body or in a cookie.
  return access === "pending_session" ? [{ pendingCookie: [] }, {}] : [{ apiKey: [access] }];
}

function parametersOf(
  { path, query, access, repeatable, headers = {} }: Operation,
  writer: JsonSchemaWriter,
): OperationObject["parameters"] {
  const inPath = [...path.matchAll(/([\w-]+)\/:(\w+)/g)].map(
    ([, list, name = ""]): ParameterObject => ({
      name,
      in: "path",
      required: true,
      ...(list === "users"
        ? { description: "The user, as you name it", schema: writer.write(userIdSchema()) }
        : { description: "The id", schema: text }),
    }),
  );
  const { properties = {}, required = [] } = query === undefined ? {} : writer.write(query());
  const inQuery = Object.entries(properties).map(
    ([name, { description: parameterDescription, ...schema }]): ParameterObject => ({
      name,
      in: "query",
      required: required.includes(name),
      ...(parameterDescription === undefined ? {} : { description: parameterDescription }),
      schema,
    }),
  );
  const inHeaders = Object.entries(headers).map(
    ([name, headerDescription]): ParameterObject => ({
      name,
      in: "header",
      required: false,
      description: headerDescription,
      schema: text,
    }),
  );
  return [
    ...inPath,
    ...inQuery,
    ...(isApiKeyScope(access) ? [parameterRef("realm")] : []),
    ...(repeatable === true ? [parameterRef("Idempotency-Key")] : []),
    ...inHeaders,
  ];
}
