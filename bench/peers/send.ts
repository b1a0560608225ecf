import type { PreparedRequest } from "../load/exchange.ts";

/**
 * Sends a prepared request outside of any measurement.
 *
 * @throws Error with the answer, when its status is another one than it should be
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
