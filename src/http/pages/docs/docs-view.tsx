import type { OpenApiDocument, OperationObject } from "../../openapi/shapes.ts";
import { Layout, type PageProps } from "../layout/layout.tsx";
import { Section } from "../layout/section.tsx";
import { OperationSection } from "./docs-call.tsx";
import { FieldList } from "./docs-fields.tsx";

interface DocsPageProps extends PageProps {
  document: OpenApiDocument;
  /** Scheme and host for the examples. */
  origin: string;
}

/** Returns the anchor of a heading. */
const idOf = (name: string) => name.toLowerCase().replaceAll(" ", "-");

/** The API documentation: the contents of the OpenAPI document, in the same order. */
export function DocsPage({ base, issuer, document, origin }: DocsPageProps) {
  const { info, tags, paths, components } = document;
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const isOf = (tag: string) => (call: { operation: OperationObject }) => call.operation.tags.includes(tag);
  return (
    <Layout base={base} issuer={issuer} title="API" wide>
      <h1>API</h1>
      <p class="lead">
        Everything is under <code>{origin + base}</code>. Programs read{" "}
        <a href={`${base}/openapi.json`}>openapi.json</a>.
      </p>
      {info.description.split("\n\n").map((paragraph) => (
        <p>{paragraph}</p>
      ))}
      <nav aria-label="Parts">
        <ul class="parts">
          {[...tags.map(({ name }) => name), "Objects"].map((name) => (
            <li>
              <a href={`#${idOf(name)}-heading`}>{name}</a>
            </li>
          ))}
        </ul>
      </nav>
      {tags.map(({ name, description }) => (
        <Section id={idOf(name)} title={name}>
          <p>{description}</p>
          {calls.filter(isOf(name)).map((call) => (
            <OperationSection {...call} components={components} address={origin + base} />
          ))}
        </Section>
      ))}
      <Section id="objects" title="Objects">
        {Object.entries(components.schemas).map(([name, schema]) => (
          <div class="stack" id={name}>
            <h3>{name}</h3>
            <FieldList schema={schema} />
          </div>
        ))}
      </Section>
    </Layout>
  );
}
