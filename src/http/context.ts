import type { Context } from "hono";
import type { Config } from "../config.ts";
import type { Deps } from "../domain/deps.ts";
import type { FirstFactorSource } from "../domain/first-factor-source.ts";
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
    /** The scheme and host that the visitor sees. */
    publicOrigin: string;
    /** What the request shows of a first factor that is not a password here. Null: passwords are. */
    source: FirstFactorSource | null;
    /** What a refusal looks like: problem JSON for programs, a page for people. */
    face: "api" | "page";
    /** The answer is the origin's. */
    forwarded?: true;
  };
}

export type AppContext = Context<AppEnv>;
