import * as z from "zod/mini";
import { inputJsonSchemaRegistry } from "../api/input-json-schemas.ts";
import type { JsonSchema } from "./shapes.ts";

/** Translates zod schemas into JSON Schema. A schema with a name is written once, and referred to. */
export interface JsonSchemaWriter {
  /** Throws for a kind of zod schema that it cannot translate. */
  readonly write: (schema: z.core.$ZodType) => JsonSchema;
  readonly named: Readonly<Record<string, JsonSchema>>;
}

/**
 * Creates a writer of the input side of zod schemas. zod's `toJSONSchema` has the same result, which
 * `test/http/openapi-schemas.test.ts` checks, but would add more to the bundle than all of the document's code
 * (docs/decisions/0010-openapi-from-zod.md).
 */
export function createJsonSchemaWriter(): JsonSchemaWriter {
  const named: Record<string, JsonSchema> = {};
  const write = (schema: z.core.$ZodType): JsonSchema => {
    const name = z.globalRegistry.get(schema)?.id;
    if (name === undefined)
      return inputJsonSchemaRegistry.get(schema) ?? writeKind(schema as z.core.$ZodTypes, write);
    named[name] ??= writeKind(schema as z.core.$ZodTypes, write);
    return { $ref: `#/components/schemas/${name}` };
  };
  return { write, named };
}

function writeKind(schema: z.core.$ZodTypes, write: JsonSchemaWriter["write"]): JsonSchema {
  const { def } = schema._zod;
  switch (def.type) {
    case "string":
    case "number":
    case "boolean":
      return { type: def.type, ...writeChecks(schema) };
    case "array":
      return { type: "array", items: write(def.element), ...writeChecks(schema) };
    case "literal":
    case "enum":
      return writeValues(def.type === "enum" ? Object.values(def.entries) : def.values);
    case "object":
      return writeObject(def, write);
    case "union":
      return either(def.options.map(write));
    case "nullable":
      return either([write(def.innerType), { type: "null" }]);
    case "optional":
      return write(def.innerType);
    case "default":
      return { ...write(def.innerType), default: def.defaultValue };
    case "pipe":
      return write(def.in);
    case "never":
      return { not: {} };
    case "transform":
    case "unknown":
      return {};
    default:
      throw new Error(
        `No JSON Schema for the zod type ${def.type}: add a case, or register one in inputJsonSchemaRegistry.`,
      );
  }
}

function writeObject(
  { shape, catchall }: z.core.$ZodObjectDef,
  write: JsonSchemaWriter["write"],
): JsonSchema {
  const members = Object.entries(shape);
  const required = members.flatMap(([name, { _zod }]) => (_zod.optin === undefined ? [name] : []));
  return {
    type: "object",
    properties: Object.fromEntries(members.map(([name, member]) => [name, write(member)])),
    ...(required.length > 0 ? { required } : {}),
    ...(catchall === undefined ? {} : { additionalProperties: isNever(catchall) ? false : write(catchall) }),
  };
}

const isNever = (schema: z.core.$ZodType) => schema._zod.def.type === "never";

const formats: Readonly<Record<string, JsonSchema>> = {
  datetime: { format: "date-time" },
  safeint: { type: "integer" },
};

/** Writes the checks of a schema. Of a format only the name: zod's patterns for formats are very long. */
function writeChecks(schema: z.core.$ZodTypes): JsonSchema {
  const list = schema._zod.def.type === "array";
  const own = "check" in schema._zod.def ? [schema as unknown as z.core.$ZodCheck] : [];
  const written = [...own, ...(schema._zod.def.checks ?? [])].map((check): JsonSchema => {
    const { def } = (check as z.core.$ZodChecks)._zod;
    switch (def.check) {
      case "min_length":
        return list ? { minItems: def.minimum } : { minLength: def.minimum };
      case "max_length":
        return list ? { maxItems: def.maximum } : { maxLength: def.maximum };
      case "greater_than":
        return { minimum: Number(def.value) };
      case "less_than":
        return { maximum: Number(def.value) };
      case "string_format":
        return def.format === "regex" ? { pattern: def.pattern?.source ?? "" } : format(def.format);
      case "number_format":
        return format(def.format);
      default:
        return {};
    }
  });
  return Object.assign({}, ...written);
}

const format = (name: string): JsonSchema => formats[name] ?? { format: name };

function writeValues(values: readonly unknown[]): JsonSchema {
  const [first] = values;
  return { type: typeof first, ...(values.length === 1 ? { const: first } : { enum: values }) };
}

/** Alternatives that are types only become a list of types. */
function either(options: readonly JsonSchema[]): JsonSchema {
  const types = options.map((option) => (Object.keys(option).join() === "type" ? option.type : undefined));
  return types.every((type) => type !== undefined) ? { type: types.flat() as string[] } : { anyOf: options };
}
