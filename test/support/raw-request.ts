import { host } from "./worker.ts";

/**
 * A request as a server hands it over: with the target as the client sent it. The `Request` constructor of a test would
 * resolve dot segments and backslashes first (`test/e2e/raw-requests.test.ts` shows what workerd does).
 */
export function rawRequest(target: string, init: RequestInit = {}): Request {
  const request = new Request(host, { redirect: "manual", ...init });
  Object.defineProperty(request, "url", { value: host + target });
  return request;
}
