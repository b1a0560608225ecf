import type { Child } from "hono/jsx";
import type {
  MediaTypeObject,
  OpenApiDocument,
  OperationObject,
  ReferenceObject,
  ResponseObject,
} from "../../openapi/shapes.ts";
import { FieldList, FieldListEntry } from "./docs-fields.tsx";

type Components = OpenApiDocument["components"];

interface CallProps {
  method: string;
  path: string;
  operation: OperationObject;
  components: Components;
  /** The base address of the API. */
  address: string;
}

/** Documents one call, collapsed: its effect, its authentication, its parameters and body, and its responses. */
export function OperationSection({ method, path, operation, components, address }: CallProps) {
  const { operationId, summary, description, security, requestBody, responses } = operation;
  const parameters = operation.parameters.map((one) =>
    "$ref" in one ? find(components.parameters, one) : one,
  );
  const [bodyType, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const answers = Object.entries(responses).map(([status, answer]) => ({
    status,
    answer: "$ref" in answer ? find(components.responses, answer) : answer,
  }));
  return (
    <details id={operationId}>
      <summary>
        <h3>
          <span class="method">{method.toUpperCase()}</span> <code>{path}</code>
        </h3>
        <span class="call-says">{summary}</span>
      </summary>
      {description === undefined ? null : <p>{description}</p>}
      <p>
        <strong>Callers:</strong> {nameAccess(security)}
      </p>
      {parameters.length === 0 ? null : (
        <Part title="Parameters">
          <ul class="fields">
            {parameters.map(({ name, schema, required, description: says }) => (
              <FieldListEntry name={name} schema={schema} optional={!required} description={says} />
            ))}
          </ul>
        </Part>
      )}
      {body?.schema === undefined ? null : (
        <Part title={`Body: ${bodyType}`}>
          <FieldList schema={body.schema} />
        </Part>
      )}
      <Example>{curl({ method, path, address, security, bodyType, example: body?.example })}</Example>
      {answers.map(({ status, answer }) => (
        <AnswerPart status={status} answer={answer} />
      ))}
    </details>
  );
}

const find = <T,>(shared: Readonly<Record<string, T>>, { $ref }: ReferenceObject): T => {
  const found = shared[$ref.split("/").at(-1) ?? ""];
  if (found === undefined) throw new Error(`${$ref} is not in the document`);
  return found;
};

function Part({ title, children }: { title: string; children?: Child }) {
  return (
    <div class="part">
      <h4>{title}</h4>
      {children}
    </div>
  );
}

function Example({ children }: { children?: Child }) {
  return (
    <pre>
      <code>{children}</code>
    </pre>
  );
}

/** Documents a response: an error by its codes, any other by its fields and its example. */
function AnswerPart({ status, answer }: { status: string; answer: ResponseObject }) {
  const [type, media] = Object.entries(answer.content ?? {})[0] ?? [];
  const codes = Object.keys(media?.examples ?? {});
  if (codes.length > 0)
    return (
      <p class="refusal">
        <strong>{status}</strong>{" "}
        {codes.map((code, index) => (
          <>
            {index > 0 ? ", " : ""}
            <code>{code}</code>
          </>
        ))}
      </p>
    );
  return (
    <Part title={`${status}: ${answer.description}`}>
      {media?.schema === undefined ? null : <FieldList schema={media.schema} />}
      {media?.example === undefined ? null : <Example>{show(media, type)}</Example>}
    </Part>
  );
}

const show = ({ example }: MediaTypeObject, type = "") =>
  typeof example === "string" && type !== "application/json" ? example : JSON.stringify(example, null, 2);

function nameAccess(security: OperationObject["security"]): string {
  const [first] = security;
  if (first === undefined) return "everyone";
  if (security.length === 3) return "everyone, signed in or not";
  const [scope] = first.apiKey ?? [];
  if (scope !== undefined) return `an API key with the scope ${scope}`;
  return "sessionToken" in first
    ? "a client with a session token"
    : "a client that has verified the first factor";
}

interface Command extends Pick<CallProps, "method" | "path" | "address"> {
  security: OperationObject["security"];
  bodyType: string | undefined;
  example: unknown;
}

/** Returns the call as a shell command. */
function curl({ method, path, address, security, bodyType, example }: Command): string {
  const [first] = security;
  const url = address + path.replace("users/{id}", "users/42");
  const text = typeof example === "string" ? example : JSON.stringify(example);
  return [
    `curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}'${url}'`,
    first === undefined || "pendingCookie" in first
      ? ""
      : `-H "Authorization: Bearer $${"apiKey" in first ? "API_KEY" : "SESSION_TOKEN"}"`,
    example === undefined
      ? ""
      : `-H 'Content-Type: ${bodyType}' \\\n  --data-binary '${text?.replaceAll("'", "'\\''")}'`,
  ]
    .filter((part) => part !== "")
    .join(" \\\n  ");
}
