import { Validator } from "@cfworker/json-schema";
import type {
  ResponseObject as Described,
  HeaderObject,
  JsonSchema,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  ReferenceObject,
} from "../../src/http/openapi/shapes.ts";
import type { Answer } from "./worker.ts";

/** Headers of every response for browsers, and headers that the platform adds. The document does not list them. */
const everywhere = new Set([
  "content-type",
  "content-length",
  "content-security-policy",
  "cross-origin-opener-policy",
  "cross-origin-resource-policy",
  "referrer-policy",
  "strict-transport-security",
  "x-content-type-options",
  "x-frame-options",
]);

/** An OpenAPI document with its references resolved, and the check of responses against it. */
export class DocumentedApi {
  readonly #validators = new Map<JsonSchema, Validator>();

  constructor(readonly document: OpenApiDocument) {}

  /** Follows a reference to a component. */
  find<T extends object>(one: T | ReferenceObject): T {
    if (!("$ref" in one) || typeof one.$ref !== "string") return one as T;
    let found: unknown = this.document;
    for (const name of one.$ref.replace("#/", "").split("/"))
      found = (found as Record<string, unknown>)[name];
    if (found === undefined) throw new Error(`${one.$ref} is not in the document`);
    return found as T;
  }

  parametersOf(operation: OperationObject): ParameterObject[] {
    return operation.parameters.map((one) => this.find<ParameterObject>(one));
  }

  /** The success statuses of a call. */
  successesOf({ responses }: OperationObject): number[] {
    return Object.keys(responses)
      .map(Number)
      .filter((status) => !this.isRefusal(responses[status]));
  }

  /** Finds the differences between a response and the document. */
  flawsOf(operation: OperationObject, answer: Answer): string[] {
    const described = operation.responses[answer.status];
    if (described === undefined) return [`${answer.status} is not documented: ${answer.text.slice(0, 200)}`];
    const { headers, content } = this.find<Described>(described);
    return [...this.#headerFlaws(headers, answer), ...this.#bodyFlaws(content, answer)];
  }

  isRefusal(described: Described | ReferenceObject | undefined): boolean {
    const { content } = this.find<Described>(described ?? { description: "", headers: {} });
    const types = Object.keys(content ?? {});
    return types.length === 1 && types[0] === "application/problem+json";
  }

  #headerFlaws(described: Described["headers"], { headers }: Answer): string[] {
    const known = new Map(
      Object.entries(described).map(([name, header]) => [
        name.toLowerCase(),
        this.find<HeaderObject>(header),
      ]),
    );
    const flaws: string[] = [];
    for (const [name, { required, schema }] of known) {
      const text = headers.get(name);
      if (text === null) {
        if (required === true) flaws.push(`no ${name}`);
        continue;
      }
      const value = schema.type === "integer" ? Number(text) : text;
      if (!this.#validator(schema).validate(value).valid) flaws.push(`${name}: ${text}`);
    }
    for (const [name] of headers)
      if (!known.has(name) && !everywhere.has(name)) flaws.push(`${name} is not documented`);
    return flaws;
  }

  #bodyFlaws(content: Described["content"], { headers, text, json }: Answer): string[] {
    const type = headers.get("Content-Type")?.split(";")[0] ?? "";
    if (content === undefined) return text === "" ? [] : [`a body: ${text.slice(0, 80)}`];
    const media = content[type];
    // A status can have a body for one caller and none for another.
    if (media === undefined) return text === "" && type === "" ? [] : [`${type} is not documented`];
    if (media.schema === undefined) return [];
    const { valid, errors } = this.#validator(media.schema).validate(json ?? text);
    return valid
      ? []
      : errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error} in ${text}`);
  }

  #validator(schema: JsonSchema): Validator {
    const known = this.#validators.get(schema);
    if (known !== undefined) return known;
    const { components } = this.document;
    const { Problem: problem, ...schemas } = components.schemas;
    const closed = {
      ...(close(schema) as object),
      components: { schemas: { ...(close(schemas) as object), Problem: problem } },
    };
    const validator = new Validator(closed, "2020-12", false);
    this.#validators.set(schema, validator);
    return validator;
  }
}

/** The document allows additional properties in responses. The tests do not. */
function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    name === "allOf" ? inner : close(inner),
  ]);
  const closed = Object.fromEntries(entries);
  const isObject = closed.type === "object" && closed.properties !== undefined;
  return isObject && closed.additionalProperties === undefined
    ? { ...closed, additionalProperties: false }
    : closed;
}
