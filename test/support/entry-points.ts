import { ask, asked, type Endpoint, endpoints } from "./forward-auth.ts";
import { gated, type Rule, type Visit, visit } from "./gate.ts";
import type { Overrides } from "./worker.ts";

/** A request of a visitor, which is sent to the gate, or which a proxy asks about. */
export interface Visited extends Pick<Visit, "session" | "body"> {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** One of the places at which a request is judged. */
export interface EntryPoint {
  readonly name: "the gate" | Endpoint;
  /** What the Worker answers; a request that passes the gate has the origin's response. */
  readonly request: (path: string, visited?: Visited) => Promise<Response>;
  /** The status for a request that can't be judged. */
  readonly unreadable: number;
}

/** The gate and both forward-auth endpoints, with one policy. An origin must stand for the gate. */
export function listEntryPoints(policy: readonly Rule[], overrides: Overrides = {}): readonly EntryPoint[] {
  const gate = gated(policy, overrides);
  const proxied = asked(policy, { ...overrides, ORIGIN_URL: "" });
  return [
    { name: "the gate", request: (path, visited) => visit(gate, path, visited), unreadable: 400 },
    ...endpoints.map(
      (endpoint): EntryPoint => ({
        name: endpoint,
        // A proxy does not hand on the body.
        request: (path, { body: _, ...visited } = {}) => ask(proxied, endpoint, { uri: path, ...visited }),
        unreadable: 403,
      }),
    ),
  ];
}

/** The status at each door, by its name. */
export async function statusesAt(entryPoints: readonly EntryPoint[], path: string, visited?: Visited) {
  const statuses = await Promise.all(
    entryPoints.map(async ({ request }) => (await request(path, visited)).status),
  );
  return Object.fromEntries(entryPoints.map(({ name }, at) => [name, statuses[at]]));
}

/** The same status at all three doors. */
export const everywhere = (status: number) => ({
  "the gate": status,
  "/auth-request": status,
  "/forward-auth": status,
});
