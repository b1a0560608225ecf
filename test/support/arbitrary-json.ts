import fc from "fast-check";
import type { JsonSchema } from "../../src/http/openapi/shapes.ts";

/** Values for members of a name, in place of what their schema says. `omit`: the member is left out. */
export type ClassifiedNamedValues = (name: string) => fc.Arbitrary<unknown> | "omit" | undefined;

/** What a document's references mean, and which members have values of their own. */
export interface Making {
  readonly resolve: (schema: JsonSchema) => JsonSchema;
  readonly named: ClassifiedNamedValues;
}

/** Values that a schema takes. Throws for a keyword that it does not know how to keep. */
export function arbitraryOf(schema: JsonSchema, making: Making): fc.Arbitrary<unknown> {
  const { const: only, enum: values, anyOf, type, contentSchema } = making.resolve(schema);
  if (only !== undefined) return fc.constant(only);
  if (values !== undefined) return fc.constantFrom(...values);
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((option) => arbitraryOf(option, making)));
  if (contentSchema !== undefined) {
    const line = arbitraryOf(contentSchema, making).map((value) => JSON.stringify(value));
    return fc.array(line, { maxLength: 3 }).map((lines) => lines.join("\n"));
  }
  return fc.oneof(...[type ?? []].flat().map((one) => arbitraryOfType(one, making.resolve(schema), making)));
}

function arbitraryOfType(type: string, schema: JsonSchema, making: Making): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 });
    case "string":
      return arbitraryText(schema);
    case "array":
      return fc.array(arbitraryOf(schema.items ?? {}, making), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, (schema.minItems ?? 0) + 3),
      });
    case "object":
      return arbitraryObject(schema, making);
    default:
      throw new Error(`There is no generator for ${type}`);
  }
}

function arbitraryObject({ properties = {}, required = [] }: JsonSchema, making: Making) {
  const members = Object.entries(properties).flatMap(([name, member]) => {
    const own = making.named(name);
    return own === "omit" || member.not !== undefined
      ? []
      : [[name, own ?? arbitraryOf(member, making)] as const];
  });
  const given = members.filter(([name]) => making.named(name) !== undefined).map(([name]) => name);
  return fc.record(Object.fromEntries(members), { requiredKeys: [...required, ...given] });
}

const formats: Record<string, () => fc.Arbitrary<string>> = {
  "date-time": () =>
    fc
      .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString()),
  email: () => fc.emailAddress(),
  ipv4: () => fc.ipV4(),
  ipv6: () => fc.ipV6(),
};

function arbitraryText({ format, pattern, minLength = 0, maxLength = 2000 }: JsonSchema) {
  if (format !== undefined) {
    const make = formats[format];
    if (make === undefined) throw new Error(`There is no generator for the format ${format}`);
    return make().filter((text) => text.length <= maxLength);
  }
  const lengths = { minLength, maxLength: Math.min(maxLength, minLength + 24) };
  const plain = fc.oneof(fc.string(lengths), fc.string({ unit: "grapheme", ...lengths }));
  if (pattern === undefined) return plain.filter(({ length }) => length >= minLength && length <= maxLength);
  const form = new RegExp(pattern, "u");
  return fc
    .oneof(plain, fc.stringMatching(/^[1-9][0-9]{0,2}$/), fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/))
    .filter((text) => form.test(text));
}

/** One way to be wrong, and the status that it has to be answered with. */
export interface Fault {
  readonly what: string;
  readonly value: unknown;
  readonly status: number;
}

/** Makes every member of a value wrong in turn. An unknown one and what is no object can't be read at all. */
export function faultsOf(schema: JsonSchema, value: unknown, making: Making): Fault[] {
  const { properties = {}, required = [], additionalProperties } = making.resolve(schema);
  const object = value as Record<string, unknown>;
  const without = (name: string) =>
    Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
  const members = Object.entries(properties).flatMap(([name, member]): Fault[] =>
    wrongValues(making.resolve(member)).map((wrong) => ({
      what: `${name}: ${JSON.stringify(wrong)?.slice(0, 40)}`,
      value: { ...object, [name]: wrong },
      status: 422,
    })),
  );
  return [
    ...required.map((name) => ({ what: `no ${name}`, value: without(name), status: 422 })),
    ...members,
    ...(additionalProperties === false
      ? [{ what: "an unknown member", value: { ...object, no_such_member: 1 }, status: 400 }]
      : []),
    { what: "a list", value: [object], status: 400 },
    { what: "a text", value: "text", status: 400 },
    { what: "nothing", value: null, status: 400 },
  ];
}

function wrongValues({
  type,
  enum: values,
  maxLength,
  minLength,
  minimum,
  maximum,
  anyOf,
  items,
}: JsonSchema) {
  const wrong: unknown[] = [];
  const types = [type ?? []].flat();
  if (!types.includes("boolean")) wrong.push(true);
  if (anyOf === undefined && items === undefined && !types.includes("object")) wrong.push({ a: 1 });
  if (types.includes("string") && values === undefined && (minLength ?? 0) > 0) wrong.push("");
  if (maxLength !== undefined) wrong.push("x".repeat(maxLength + 1));
  if (values !== undefined) wrong.push("no such value");
  if (minimum !== undefined) wrong.push(minimum - 1);
  if (maximum !== undefined) wrong.push(maximum + 1);
  return wrong;
}
