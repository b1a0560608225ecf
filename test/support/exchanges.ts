import { vi } from "vitest";
import worker from "../../src/index.ts";

/** One request to the Worker and its answer, as whoever asked got it. */
export interface Recorded {
  readonly method: string;
  /** Without the base path and the query: what was asked for, not with what. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Writes down every exchange with the Worker from now on, whoever starts it, until mocks are restored. */
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
