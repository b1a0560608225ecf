import type { Context } from "hono";
import type { Config } from "../config.ts";
import type { Deps } from "../domain/deps.ts";
import type { Bindings } from "../runtime.ts";
import type { ClientContext } from "../store/audit.ts";

/** What every handler finds in its context. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    config: Config;
    deps: Deps;
    /** When the request came. The only clock that it is judged by. */
    now: Date;
    client: ClientContext;
    /** From `core/client-network.ts`. */
    network: string;
    /** What a refusal looks like: problem JSON for programs, a page for people. */
    face: "api" | "page";
    /** The answer is the origin's. */
    forwarded?: true;
  };
}

export type AppContext = Context<AppEnv>;
