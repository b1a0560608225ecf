import { createApp } from "../../src/http/app.ts";
import { getConfig } from "../../src/runtime.ts";
import { environment } from "./worker.ts";

export interface Route {
  readonly method: string;
  /** With the base path, and `x` in the place of a parameter. */
  readonly path: string;
}

/** Lists the Worker's own routes, from the route table. */
export function listRoutes(): Route[] {
  const { routes } = createApp(getConfig(environment()));
  return routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, path: path.replace(/:\w+/g, "x") }));
}

/** The paths that are answered whatever the method is, from the same table, with `x` in the place of `*`: the gate among them. */
export function listCatchAllPaths(): string[] {
  const { routes } = createApp(getConfig(environment()));
  const paths = routes.filter(({ method }) => method === "ALL").map(({ path }) => path.replace("*", "x"));
  return [...new Set(paths)];
}
