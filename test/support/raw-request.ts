import { host } from "./worker.ts";

/**
 * A request with the target exactly as the client has sent it. The `Request` constructor would resolve dot segments and backslashes
 * (`test/e2e/raw-requests.test.ts` shows what workerd does).
 */
export function rawRequest(target: string, init: RequestInit = {}): Request {
  const request = new Request(host, { redirect: "manual", ...init });
  Object.defineProperty(request, "url", { value: host + target });
  return request;
}
