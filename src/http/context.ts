import type { Context } from "hono";
import type { Config } from "../config/config.ts";
import type { Deps } from "../domain/deps.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import type { Bindings } from "../runtime.ts";
import type { ClientAndActor } from "../store/service/audit.ts";

/** The bindings and variables of a request's context. `createRequestContextMiddleware` sets the variables. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    config: Config;
    deps: Deps;
    /** When the request arrived. All decisions about the request use this time. */
    now: Date;
    client: ClientAndActor;
    /** Returns the URL of the request. Parses it at the first call. */
    url: () => URL;
    /** Scheme, host and port that the visitor sees, such as `https://shop.example`. */
    publicOrigin: string;
    /** True when the request has the header with `PROXY_KEY`. */
    trusted: boolean;
    /** The external first factor, for this request. Null: the first factor is a password of Sallyport. */
    source: FirstFactorSource | null;
    /** The format of refusals: a problem document, a page for browsers, or what a refused request asks for. */
    errorFormat: "json" | "page" | "by_request";
    /** Set when no security headers are added: origin responses, and `createEmptyResponseWithSecurityHeaders`. */
    headersSetBy?: "origin" | "forward_auth";
  };
}

export type AppContext = Context<AppEnv>;

/** The URL of `BASE_PATH` as the visitor sees it, such as `https://shop.example/api/auth`. Also the issuer of receipts. */
export const publicBaseUrl = (c: AppContext): string => c.var.publicOrigin + c.var.config.basePath;
