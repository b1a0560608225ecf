import type { PreparedRequest } from "../load/exchange.ts";

/**
 * Sends a prepared request outside of any measurement.
 *
 * @throws Error with the response, when its status is not the expected one
 */
export async function send(
  origin: URL,
  { method, path, headers, body, status }: PreparedRequest,
): Promise<{ headers: Headers; text: string }> {
  const response = await fetch(new URL(path, origin), {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return { headers: response.headers, text };
}
