import { vi } from "vitest";
import worker from "../../src/index.ts";

/** One request to the Worker, and the response that the client got. */
export interface Recorded {
  readonly method: string;
  /** The path without the base path and the query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Records every request to the Worker and its response, until mocks are restored. */
export function recordExchanges(): Recorded[] {
  const recorded: Recorded[] = [];
  const { fetch } = worker;
  vi.spyOn(worker, "fetch").mockImplementation(async (request, env, context) => {
    const { method, url } = request;
    const response = await fetch(request, env, context);
    const path = new URL(url).pathname.replace(/^\/api\/auth(?=\/)/, "");
    const { status, headers } = response;
    recorded.push({ method, path, status, headers, body: await response.clone().text() });
    return response;
  });
  return recorded;
}
