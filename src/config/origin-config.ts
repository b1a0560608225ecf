import * as z from "zod/mini";
import { zodExpectedTypeErrorOption } from "../core/parsing/zod-type-error.ts";

const address = () => z._default(z.string(zodExpectedTypeErrorOption("string")), "");

/** `ORIGIN_URL`: scheme, host and port; `route`; or null. */
export const originUrl = () =>
  z.pipe(
    address(),
    z.transform((text, context) => {
      if (text === "") return null;
      if (text === "route") return text;
      const url = URL.parse(text);
      const bare = url !== null && url.pathname === "/" && url.search === "" && url.hash === "";
      if (bare && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "")
        return url.origin;
      const message = "must be http(s)://host[:port] without a path, or route, or empty";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

/** `PUBLIC_URL`: scheme, host and port, or null. */
export const publicUrl = () =>
  z.pipe(
    address(),
    z.transform((text, context) => {
      if (text === "") return null;
      const url = URL.parse(text);
      if (url !== null && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, ""))
        return url.origin;
      const message = "must be http(s)://host[:port] without a path, or empty";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

/** `ORIGIN_HOST`, or undefined when it is not set: see {@link defaultOriginHost}. */
export const originHost = () => z.optional(z.enum(["forward", "origin"], 'must be "forward" or "origin"'));

/** The runtime takes `Host` from the URL of the request to the origin. Only with `route` is this the visitor's host. */
export const defaultOriginHost = (url: string | null): "forward" | "origin" =>
  url === null || url === "route" ? "forward" : "origin";

interface OriginVariables {
  readonly ORIGIN_URL: string | null;
  readonly ORIGIN_HOST?: "forward" | "origin" | undefined;
}

/** False for `ORIGIN_HOST=origin` with `ORIGIN_URL=route`: the site then gets the visitor's host in `Host`. */
export const isOriginHostPossible = ({ ORIGIN_URL, ORIGIN_HOST }: OriginVariables): boolean =>
  ORIGIN_URL !== "route" || ORIGIN_HOST !== "origin";
