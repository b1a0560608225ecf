import * as z from "zod/mini";
import { sentAs } from "../api/sent-as.ts";
import type { JsonSchema } from "./shapes.ts";

/** Says in JSON Schema what a zod schema takes. Schemas that have a name are told once, and referred to. */
export interface SchemaWriter {
  /** Throws for a kind of schema that it does not know. */
  readonly write: (schema: z.core.$ZodType) => JsonSchema;
  readonly named: Readonly<Record<string, JsonSchema>>;
}

/**
 * Writes what callers send and get: the input side of every schema. zod's own `toJSONSchema` says the same
 * (`test/http/openapi-schemas.test.ts` holds it), and weighs more than all the rest of the document
 * (docs/decisions/0010-openapi-from-zod.md).
 */
export function createSchemaWriter(): SchemaWriter {
  const named: Record<string, JsonSchema> = {};
  const write = (schema: z.core.$ZodType): JsonSchema => {
    const name = z.globalRegistry.get(schema)?.id;
    if (name === undefined) return sentAs.get(schema) ?? writeKind(schema as z.core.$ZodTypes, write);
    named[name] ??= writeKind(schema as z.core.$ZodTypes, write);
    return { $ref: `#/components/schemas/${name}` };
  };
  return { write, named };
}

function writeKind(schema: z.core.$ZodTypes, write: SchemaWriter["write"]): JsonSchema {
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
      throw new Error(`The document can't say what a ${def.type} is. Teach it, or use sentAs.`);
  }
}

function writeObject({ shape, catchall }: z.core.$ZodObjectDef, write: SchemaWriter["write"]): JsonSchema {
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

/** Formats say it all: their patterns, which zod has too, would be pages long. */
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

/** Nothing but types is told in short. */
function either(options: readonly JsonSchema[]): JsonSchema {
  const types = options.map((option) => (Object.keys(option).join() === "type" ? option.type : undefined));
  return types.every((type) => type !== undefined) ? { type: types.flat() as string[] } : { anyOf: options };
}
