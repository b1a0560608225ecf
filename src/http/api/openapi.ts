import * as z from "zod/mini";
import type { Config } from "../../config/config.ts";
import { describeApi } from "../openapi/document.ts";
import type { ApiDocument } from "../openapi/shapes.ts";
import type { Operation } from "./operation.ts";

/** The API and its document. */
export interface DocumentedApi {
  readonly operations: readonly Operation[];
  /** Made when somebody first asks, once for each isolate. */
  readonly documentFor: (config: Config) => ApiDocument;
}

/** Adds the call that hands out the document of all calls, itself among them. */
export function documentApi(described: readonly Operation[]): DocumentedApi {
  const documents = new WeakMap<Config, ApiDocument>();
  const documentFor = (config: Config): ApiDocument => {
    const document = documents.get(config) ?? describeApi(operations, config.basePath);
    documents.set(config, document);
    return document;
  };
  const operations: readonly Operation[] = [
    ...described,
    {
      id: "getApiDocument",
      method: "get",
      path: "/openapi.json",
      tag: "Deployment",
      summary: "This document",
      access: "anybody",
      successes: [
        { status: 200, description: "OpenAPI 3.1", schema: () => z.looseObject({ openapi: z.string() }) },
      ],
      failures: [],
      handle: (c) => c.json(documentFor(c.var.config)),
    },
  ];
  return { operations, documentFor };
}
