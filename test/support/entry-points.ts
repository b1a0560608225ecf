import { ask, asked, type Endpoint, endpoints } from "./forward-auth.ts";
import { gated, type Rule, type Visit, visit } from "./gate.ts";
import type { Overrides } from "./worker.ts";

/** A visitor's request, sent to the gate or described in a forward-auth request. */
export interface Visited extends Pick<Visit, "session" | "body"> {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** One of the places where the policy is applied to a request. */
export interface EntryPoint {
  readonly name: "the gate" | Endpoint;
  /** Sends the request. Allowed requests at the gate get the origin's response. */
  readonly request: (path: string, visited?: Visited) => Promise<Response>;
  /** The status of a request that the policy cannot be applied to. */
  readonly unreadable: number;
}

/** The gate and both forward-auth endpoints with one policy. The gate needs `mockOrigin`. */
export function listEntryPoints(policy: readonly Rule[], overrides: Overrides = {}): readonly EntryPoint[] {
  const gate = gated(policy, overrides);
  const proxied = asked(policy, { ...overrides, ORIGIN_URL: "" });
  return [
    { name: "the gate", request: (path, visited) => visit(gate, path, visited), unreadable: 400 },
    ...endpoints.map(
      (endpoint): EntryPoint => ({
        name: endpoint,
        // A forward-auth request has no body.
        request: (path, { body: _, ...visited } = {}) => ask(proxied, endpoint, { uri: path, ...visited }),
        unreadable: 403,
      }),
    ),
  ];
}

/** The status at each entry point, by its name. */
export async function statusesAt(entryPoints: readonly EntryPoint[], path: string, visited?: Visited) {
  const statuses = await Promise.all(
    entryPoints.map(async ({ request }) => (await request(path, visited)).status),
  );
  return Object.fromEntries(entryPoints.map(({ name }, at) => [name, statuses[at]]));
}

/** The same status at all three entry points. */
export const everywhere = (status: number) => ({
  "the gate": status,
  "/auth-request": status,
  "/forward-auth": status,
});
