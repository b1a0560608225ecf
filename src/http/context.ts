import type { Context } from "hono";
import type { Config } from "../config/config.ts";
import type { Deps } from "../domain/deps.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import type { Bindings } from "../runtime.ts";
import type { ClientContext } from "../store/service/audit.ts";

/** What every handler finds in its context. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    config: Config;
    deps: Deps;
    /** When the request came. The only clock that it is judged by. */
    now: Date;
    client: ClientContext;
    /** The address that was asked for, resolved. Parsed when it is first asked for. */
    url: () => URL;
    /** The scheme and host that the visitor sees. */
    publicOrigin: string;
    /** The request has shown `PROXY_KEY`. */
    trusted: boolean;
    /** What the request shows of a first factor that is not a password here. Null: passwords are. */
    source: FirstFactorSource | null;
    /** The format of refusals: a problem document, or a page for browsers. */
    errorFormat: "json" | "page";
    /** Whose headers the answer has already: it is the origin's, or made by {@link emptyResponse}. */
    headersSetBy?: "origin" | "forward_auth";
  };
}

export type AppContext = Context<AppEnv>;

/** The URL of `BASE_PATH` as the visitor sees it, such as `https://shop.example/api/auth`. Also the issuer of receipts. */
export const publicBaseUrl = (c: AppContext): string => c.var.publicOrigin + c.var.config.basePath;
