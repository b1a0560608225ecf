import { env } from "cloudflare:workers";
import { apiOperationsAndDocument } from "../../src/http/app.ts";
import type { OperationObject } from "../../src/http/openapi/shapes.ts";
import { type Bindings, getConfig } from "../../src/runtime.ts";
import { DocumentedApi } from "./documented-answer.ts";
import type { Answer } from "./worker.ts";

interface Call {
  readonly method: string;
  readonly form: RegExp;
  readonly operation: OperationObject;
}

let documented: { readonly api: DocumentedApi; readonly calls: readonly Call[] } | undefined;

function readDocument() {
  const found = new DocumentedApi(
    apiOperationsAndDocument.documentFor(getConfig(env as unknown as Bindings)),
  );
  const base = found.document.servers[0]?.url ?? "";
  const calls = Object.entries(found.document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      form: new RegExp(`^${base}${path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
      operation,
    })),
  );
  return { api: found, calls };
}

/**
 * Checks a response against the OpenAPI document.
 *
 * @throws Error when the document does not describe the response
 */
export function expectDocumented(method: string, url: string, answer: Answer): void {
  documented ??= readDocument();
  const { pathname } = new URL(url);
  const call = documented.calls.find((one) => one.method === method && one.form.test(pathname));
  const { status, headers, json } = answer;
  // A forward-auth request with Accept: text/html gets a page. A 500 is never intended.
  if (call === undefined || status === 500 || headers.get("Content-Type")?.startsWith("text/html")) return;
  const [flaw] = documented.api.flawsOf(call.operation, answer);
  if (flaw !== undefined) throw new Error(`${method} ${pathname}: ${status} ${json?.code ?? ""}: ${flaw}`);
}
