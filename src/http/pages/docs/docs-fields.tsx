import type { JsonSchema } from "../../openapi/shapes.ts";

/** The members of an object, and of the objects in them. */
export function Fields({ schema }: { schema: JsonSchema }) {
  const { properties, required = [] } = schema;
  if (properties === undefined) return <Inside schema={schema} />;
  return (
    <ul class="fields">
      {Object.entries(properties).map(([name, member]) => (
        <Field name={name} schema={member} optional={!required.includes(name)} />
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

/** One member or parameter: its name, what it takes, and what it says. */
export function Field({ name, schema, optional, description = schema.description }: FieldProps) {
  return (
    <li>
      <code>{name}</code>{" "}
      <span class="hint">
        <Kind schema={schema} />
        {optional ? ", optional" : ""}
      </span>
      {description === undefined ? null : <span class="field-says">{description}</span>}
      <Inside schema={schema} />
    </li>
  );
}

/** Objects within a list, or as alternatives. */
function Inside({ schema }: { schema: JsonSchema }) {
  const inner = schema.contentSchema ?? schema.items ?? schema;
  const objects = (inner.anyOf ?? [inner]).filter(({ properties }) => properties !== undefined);
  return (
    <>
      {objects.map((object, index) => (
        <>
          {index > 0 ? <p class="hint">or</p> : null}
          <Fields schema={object} />
        </>
      ))}
    </>
  );
}

/** What a value must be, in words. */
function Kind({ schema }: { schema: JsonSchema }) {
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
            <Kind schema={option} />
          </>
        ))}
      </>
    );
  if (items !== undefined)
    return (
      <>
        list of <Kind schema={items} />
        {bounds(schema.minItems, schema.maxItems, "entries")}
      </>
    );
  return (
    <>
      {nameKind(schema)}
      {bounds(schema.minLength, schema.maxLength, "characters")}
      {bounds(schema.minimum, schema.maximum, "")}
      {pattern === undefined ? null : (
        <>
          , <code>{pattern}</code>
        </>
      )}
      {schema.default === undefined ? "" : `, ${schema.default} by default`}
    </>
  );
}

const kindNames: Readonly<Record<string, string>> = {
  string: "text",
  integer: "whole number",
  boolean: "true or false",
  "date-time": "time",
  email: "e-mail address",
  ipv4: "IPv4 address",
  ipv6: "IPv6 address",
};

function nameKind({ type, format, not, enum: values, const: only }: JsonSchema): string {
  if (not !== undefined) return "must not be there";
  if (only !== undefined) return JSON.stringify(only);
  if (values !== undefined) return `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  const names = format === undefined ? [type ?? "anything"].flat() : [format];
  return names.map((name) => kindNames[name] ?? name).join(" or ");
}

function bounds(least: number | undefined, most: number | undefined, of: string): string {
  if (most === undefined) return least === undefined ? "" : `, at least ${least} ${of}`;
  return `, ${least === undefined ? "at most" : `${least} to`} ${most} ${of}`;
}
