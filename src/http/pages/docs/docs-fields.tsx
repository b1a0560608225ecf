import type { JsonSchema } from "../../openapi/shapes.ts";

/** Lists the members of an object, and of nested objects. */
export function FieldList({ schema }: { schema: JsonSchema }) {
  const { properties, required = [] } = schema;
  if (properties === undefined) return <NestedObjects schema={schema} />;
  return (
    <ul class="fields">
      {Object.entries(properties).map(([name, member]) => (
        <FieldListEntry name={name} schema={member} optional={!required.includes(name)} />
      ))}
    </ul>
  );
}

interface FieldProps {
  name: string;
  schema: JsonSchema;
  optional: boolean;
  description?: string | undefined;
}

/** Documents one member or parameter: its name, its type, and its description. */
export function FieldListEntry({ name, schema, optional, description = schema.description }: FieldProps) {
  return (
    <li>
      <code>{name}</code>{" "}
      <span class="hint">
        <TypeText schema={schema} />
        {optional ? ", optional" : ""}
      </span>
      {description === undefined ? null : <span class="field-says">{description}</span>}
      <NestedObjects schema={schema} />
    </li>
  );
}

/** Lists the members of objects in an array, or of alternative objects. */
function NestedObjects({ schema }: { schema: JsonSchema }) {
  const inner = schema.contentSchema ?? schema.items ?? schema;
  const objects = (inner.anyOf ?? [inner]).filter(({ properties }) => properties !== undefined);
  return (
    <>
      {objects.map((object, index) => (
        <>
          {index > 0 ? <p class="hint">or</p> : null}
          <FieldList schema={object} />
        </>
      ))}
    </>
  );
}

/** Describes the type of a value in words. */
function TypeText({ schema }: { schema: JsonSchema }) {
  const { $ref, anyOf, items, pattern } = schema;
  if ($ref !== undefined) {
    const name = $ref.split("/").at(-1) ?? "";
    return <a href={`#${name}`}>{name}</a>;
  }
  if (anyOf?.every(({ properties }) => properties !== undefined)) return <>one of these</>;
  if (anyOf !== undefined)
    return (
      <>
        {anyOf.map((option, index) => (
          <>
            {index > 0 ? " or " : ""}
            <TypeText schema={option} />
          </>
        ))}
      </>
    );
  if (items !== undefined)
    return (
      <>
        list of <TypeText schema={items} />
        {describeBounds(schema.minItems, schema.maxItems, "entries")}
      </>
    );
  return (
    <>
      {describeType(schema)}
      {describeBounds(schema.minLength, schema.maxLength, "characters")}
      {describeBounds(schema.minimum, schema.maximum, "")}
      {pattern === undefined ? null : (
        <>
          , <code>{pattern}</code>
        </>
      )}
      {schema.default === undefined ? "" : `, ${schema.default} by default`}
    </>
  );
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  integer: "whole number",
  boolean: "true or false",
  "date-time": "time",
  email: "e-mail address",
  ipv4: "IPv4 address",
  ipv6: "IPv6 address",
};

function describeType({ type, format, not, enum: values, const: only }: JsonSchema): string {
  if (not !== undefined) return "must be absent";
  if (only !== undefined) return JSON.stringify(only);
  if (values !== undefined) return `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  const names = format === undefined ? [type ?? "anything"].flat() : [format];
  return names.map((name) => typeNames[name] ?? name).join(" or ");
}

function describeBounds(min: number | undefined, max: number | undefined, unit: string): string {
  if (max === undefined) return min === undefined ? "" : `, at least ${min} ${unit}`;
  return `, ${min === undefined ? "at most" : `${min} to`} ${max} ${unit}`;
}
