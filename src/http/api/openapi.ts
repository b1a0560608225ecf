import * as z from "zod/mini";
import type { Config } from "../../config/config.ts";
import { createOpenApiDocument } from "../openapi/document.ts";
import type { OpenApiDocument } from "../openapi/shapes.ts";
import { defineOperation } from "./define-operation.ts";
import type { Operation } from "./operation.ts";
import { defineJsonResponse } from "./success-response.ts";

interface DocumentResult {
  readonly ok: true;
  readonly document: OpenApiDocument;
}

/** All operations of the API, and the function that returns the OpenAPI document of them. */
export interface OperationsAndDocument {
  readonly operations: readonly Operation[];
  /** Creates the document at the first request for it, and keeps it for the isolate. */
  readonly documentFor: (config: Config) => OpenApiDocument;
}

/** Returns the operations and one more, which sends the OpenAPI document of all of them, itself included. */
export function withOpenApiDocumentOperation(described: readonly Operation[]): OperationsAndDocument {
  const documents = new WeakMap<Config, OpenApiDocument>();
  const documentFor = (config: Config): OpenApiDocument => {
    const document = documents.get(config) ?? createOpenApiDocument(operations, config.basePath);
    documents.set(config, document);
    return document;
  };
  const operations: readonly Operation[] = [
    ...described,
    defineOperation({
      id: "getApiDocument",
      method: "get",
      path: "/openapi.json",
      tag: "Deployment",
      summary: "This document",
      access: "public",
      response: defineJsonResponse({
        description: "OpenAPI 3.1",
        schema: () => z.looseObject({ openapi: z.string() }),
        example: { openapi: "3.1.1" },
        present: ({ document }: DocumentResult) => ({ ...document }),
      }),
      run: async (c) => ({ ok: true, document: documentFor(c.var.config) }),
    }),
  ];
  return { operations, documentFor };
}
