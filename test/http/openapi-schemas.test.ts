import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { inputJsonSchemaRegistry } from "../../src/http/api/input-json-schemas.ts";
import { apiOperationsAndDocument } from "../../src/http/app.ts";
import type { JsonSchema } from "../../src/http/openapi/shapes.ts";
import { createJsonSchemaWriter } from "../../src/http/openapi/shared-schemas.ts";

// docs/decisions/0010: what the document says of a schema is what zod itself would say, in less space.

const schemas = apiOperationsAndDocument.operations.flatMap(({ id, body, query, successes }) => {
  const places: [string, (() => z.ZodMiniType) | null | undefined][] = [
    ["body", body],
    ["query", query],
    ...successes.map(({ status, schema }): [string, typeof schema] => [String(status), schema]),
  ];
  return places.flatMap(([place, schema]) => (schema ? [{ name: `${id} ${place}`, schema: schema() }] : []));
});

/** What zod says, but for what is left out on purpose: patterns of known formats, and the bounds of whole numbers. */
function zodSays(schema: z.ZodMiniType): unknown {
  const said = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const own = inputJsonSchemaRegistry.get(zodSchema);
      if (own !== undefined) {
        for (const name of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[name];
        Object.assign(jsonSchema, own);
      }
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const { $schema: _, $defs = {}, ...rest } = JSON.parse(JSON.stringify(said));
  return inline(rest, $defs);
}

/** Puts named schemas where they are referred to. */
function inline(value: unknown, named: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((one) => inline(one, named));
  if (typeof value !== "object" || value === null) return value;
  const { $ref } = value as { $ref?: string };
  if ($ref !== undefined) return inline(named[$ref.split("/").at(-1) ?? ""], named);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inline(inner, named)]));
}

function weSay(schema: z.ZodMiniType): unknown {
  const { write, named } = createJsonSchemaWriter();
  return inline(JSON.parse(JSON.stringify(write(schema))), named as Record<string, JsonSchema>);
}

describe("the document", () => {
  it.each(schemas)("says of a schema what zod says: $name", ({ schema }) => {
    expect(weSay(schema)).toEqual(zodSays(schema));
  });

  it("has a good number of schemas to say something of", () => {
    expect(schemas.length).toBeGreaterThan(50);
  });

  it("tells a named schema once", () => {
    const { write, named } = createJsonSchemaWriter();
    const item = z.object({ a: z.string() }).register(z.globalRegistry, { id: "TestItem" });
    const reference = { $ref: "#/components/schemas/TestItem" };
    expect(write(z.array(item))).toEqual({ type: "array", items: reference });
    expect(write(item)).toEqual(reference);
    expect(Object.keys(named)).toEqual(["TestItem"]);
  });

  it("has no word for a kind that it was not taught", () => {
    expect(() => createJsonSchemaWriter().write(z.date())).toThrow("No JSON Schema for the zod type date");
  });
});
