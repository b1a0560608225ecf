import * as z from "zod/mini";
import type { ExternalNameComparison } from "../core/parsing/external-subject.ts";
import { type HeaderOrJsonPointer, parseHeaderOrJsonPointer } from "../core/parsing/value-path.ts";
import { zodExpectedTypeErrorOption } from "../core/parsing/zod-type-error.ts";
import { type FixedHeaders, parseWhoAmIHeaders } from "./who-am-i-headers.ts";

/** The kind of first factor, with the variables of that kind. */
export type FirstFactorConfig = PasswordConfig | OriginWhoAmIConfig | JwtConfig | ProxyHeaderConfig;

interface AnyConfig {
  /** Whether names that differ in spelling are different accounts. With passwords it applies to the API for external realms. */
  readonly names: ExternalNameComparison;
}

interface PasswordConfig extends AnyConfig {
  readonly kind: "password";
}

/** The first factor is the site's own login. */
export interface OriginWhoAmIConfig extends AnyConfig {
  readonly kind: "origin";
  /** Where the Worker asks which account a credential belongs to: a path at the origin, or an absolute URL. */
  readonly whoAmI: string;
  /** Where the response of the who-am-I has the user name. */
  readonly user: HeaderOrJsonPointer;
  readonly email: HeaderOrJsonPointer | null;
  /** The cookies that carry the site's session. */
  readonly cookies: readonly string[];
  /** The headers and query parameters that may carry a session or a token of the site. */
  readonly credentials: readonly { readonly kind: "header" | "query"; readonly name: string }[];
  /** Fixed headers that are added to each who-am-I request. They can replace Sallyport's `Accept` and `User-Agent`. */
  readonly whoAmIHeaders: FixedHeaders;
  /** The statuses with which the who-am-I responds to an anonymous visitor. */
  readonly anonymousStatuses: readonly number[];
  /** A 403 of the who-am-I means an anonymous visitor only if its body contains this text. Null: every 403 is a failure. */
  readonly anonymousForbiddenText: string | null;
  /** The user names of anonymous visitors, compared exactly: an account `Guest` is not the anonymous `guest`. */
  readonly anonymousNames: readonly string[];
  /**
   * The path of the site's login page. Anonymous visitors are redirected there, except on paths with `require: "none"`. Null:
   * the policy does not apply to anonymous visitors, and they are passed to the origin.
   */
  readonly loginPath: string | null;
}

/** The first factor is a JWT of an identity provider. */
export interface JwtConfig extends AnyConfig {
  readonly kind: "jwt";
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly carrier: { readonly kind: "header" | "cookie"; readonly name: string };
  readonly userClaim: string;
  readonly emailClaim: string;
  /** `always`: the provider issues only verified addresses, so a token without `email_verified` is accepted. */
  readonly emailVerified: "claim" | "always";
}

/** The first factor is the user header of a proxy that sends `PROXY_KEY`. */
export interface ProxyHeaderConfig extends AnyConfig {
  readonly kind: "proxy";
  readonly userHeader: string;
  readonly emailHeader: string;
}

const httpUrl = () => z.url({ protocol: /^https?$/, error: "must be an http(s) URL" });

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const anyText = () => z.string(zodExpectedTypeErrorOption("string"));
const headerName = () => anyText().check(z.regex(tokenPattern, "must be a header name"));
const filled = () => anyText().check(z.minLength(1, "must not be empty"));

const valuePath = () =>
  z.pipe(
    z.string("must be set to json:/pointer (RFC 6901) or header:Name"),
    z.transform((text, context) => {
      const parsed = parseHeaderOrJsonPointer(text);
      if (parsed !== null) return parsed;
      const message = "must be json:/pointer (RFC 6901) or header:Name";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

const split = (text: string) => text.split(",").map((part) => part.trim());
const splitFilled = (text: string) => split(text).filter((part) => part !== "");

/** A list that is separated by commas. Each part is parsed by `element`. */
const list = <T extends z.core.$ZodType<unknown, string>>(source: z.core.$ZodType<string>, element: T) =>
  z.pipe(z.pipe(source, z.transform(split)), z.array(element));

const status = () =>
  z.pipe(
    anyText().check(z.regex(/^[34]\d\d$/, "must be status codes from 300 to 499, separated by commas")),
    z.transform(Number),
  );

const origin = () =>
  z.pipe(
    z.object({
      FIRST_FACTOR: z.literal("origin"),
      WHOAMI_URL: z
        .string("must be set to a path at the origin or an http(s) URL")
        .check(
          z.refine(
            (url) => /^\/(?![/\\])/.test(url) || httpUrl().safeParse(url).success,
            "must be a path at the origin or an http(s) URL",
          ),
        ),
      WHOAMI_USER: valuePath(),
      WHOAMI_EMAIL: z.optional(valuePath()),
      WHOAMI_HEADERS: z._default(anyText(), "{}"),
      WHOAMI_NOBODY: list(z._default(anyText(), "401"), status()),
      WHOAMI_FORBIDDEN_TEXT: z.optional(filled()),
      WHOAMI_ANONYMOUS: z.pipe(z._default(anyText(), ""), z.transform(splitFilled)),
      ORIGIN_CREDENTIALS: z.pipe(
        z.pipe(z._default(anyText(), ""), z.transform(splitFilled)),
        z.array(
          anyText().check(
            z.regex(
              /^(header|query):[\w.~-]{1,64}$/,
              "must be entries header:Name or query:name, separated by commas",
            ),
          ),
        ),
      ),
      ORIGIN_LOGIN: z.optional(anyText().check(z.regex(/^\/(?![/\\])/, "must be a path at the origin"))),
      ORIGIN_COOKIES: list(
        z.string("must be set to the names of the cookies that carry the site's session"),
        anyText().check(z.regex(tokenPattern, "must be cookie names, separated by commas")),
      ),
    }),
    z.transform((env, context): Omit<OriginWhoAmIConfig, "names"> => {
      const credentials = env.ORIGIN_CREDENTIALS.map((text) => {
        const [kind = "", name = ""] = text.split(":");
        return { kind: kind === "header" ? ("header" as const) : ("query" as const), name };
      });
      const fail = (variable: string, message: string) => {
        context.issues.push({ code: "custom", message, path: [variable], input: env });
        return z.NEVER;
      };
      const credentialHeaders = credentials.filter(({ kind }) => kind === "header").map(({ name }) => name);
      const whoAmIHeaders = parseWhoAmIHeaders(env.WHOAMI_HEADERS, credentialHeaders);
      if (typeof whoAmIHeaders === "string") return fail("WHOAMI_HEADERS", whoAmIHeaders);
      if (env.WHOAMI_NOBODY.includes(403) !== (env.WHOAMI_FORBIDDEN_TEXT !== undefined))
        return fail("WHOAMI_FORBIDDEN_TEXT", "must be set if WHOAMI_NOBODY has 403, and only then");
      return {
        kind: "origin",
        whoAmI: env.WHOAMI_URL,
        whoAmIHeaders,
        user: env.WHOAMI_USER,
        email: env.WHOAMI_EMAIL ?? null,
        cookies: env.ORIGIN_COOKIES,
        credentials,
        anonymousStatuses: env.WHOAMI_NOBODY,
        anonymousForbiddenText: env.WHOAMI_FORBIDDEN_TEXT ?? null,
        anonymousNames: env.WHOAMI_ANONYMOUS,
        loginPath: env.ORIGIN_LOGIN ?? null,
      };
    }),
  );

/** Only asymmetric algorithms: with a symmetric one, anyone who can fetch the key could sign (RFC 8725 2.1, 3.1). */
const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

const jwt = () =>
  z.pipe(
    z.object({
      FIRST_FACTOR: z.literal("jwt"),
      JWT_JWKS_URL: httpUrl(),
      JWT_ISSUER: z.string("must be set").check(z.minLength(1, "must not be empty")),
      JWT_AUDIENCE: z.string("must be set").check(z.minLength(1, "must not be empty")),
      JWT_ALGORITHMS: list(
        z._default(anyText(), "RS256"),
        z.enum(algorithms, `must be one or more of ${algorithms.join(", ")}, separated by commas`),
      ),
      JWT_SOURCE: z._default(
        anyText().check(
          z.regex(/^(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, "must be header:Name or cookie:name"),
        ),
        "header:Cf-Access-Jwt-Assertion",
      ),
      JWT_USER_CLAIM: z._default(filled(), "sub"),
      JWT_EMAIL_CLAIM: z._default(filled(), "email"),
      JWT_EMAIL_VERIFIED: z._default(z.enum(["claim", "always"], 'must be "claim" or "always"'), "claim"),
    }),
    z.transform(
      (env): Omit<JwtConfig, "names"> => ({
        kind: "jwt",
        jwksUrl: env.JWT_JWKS_URL,
        issuer: env.JWT_ISSUER,
        audience: env.JWT_AUDIENCE,
        algorithms: env.JWT_ALGORITHMS,
        carrier: {
          kind: env.JWT_SOURCE.startsWith("header:") ? "header" : "cookie",
          name: env.JWT_SOURCE.slice("header:".length),
        },
        userClaim: env.JWT_USER_CLAIM,
        emailClaim: env.JWT_EMAIL_CLAIM,
        emailVerified: env.JWT_EMAIL_VERIFIED,
      }),
    ),
  );

const proxy = () =>
  z.pipe(
    z.object({
      FIRST_FACTOR: z.literal("proxy"),
      PROXY_KEY: z.string("must be set, because the user header is trusted only with this key"),
      PROXY_USER_HEADER: z._default(headerName(), "Remote-User"),
      PROXY_EMAIL_HEADER: z._default(headerName(), "Remote-Email"),
    }),
    z.transform(
      (env): Omit<ProxyHeaderConfig, "names"> => ({
        kind: "proxy",
        userHeader: env.PROXY_USER_HEADER,
        emailHeader: env.PROXY_EMAIL_HEADER,
      }),
    ),
  );

const password = () =>
  z.pipe(
    z.object({ FIRST_FACTOR: z.optional(z.literal("password")) }),
    z.transform(() => ({ kind: "password" }) as const),
  );

const kinds = { password, origin, jwt, proxy };

const kind = () =>
  z.object({
    FIRST_FACTOR: z._default(
      z.enum(["password", "origin", "jwt", "proxy"], 'must be "password", "origin", "jwt" or "proxy"'),
      "password",
    ),
    EXTERNAL_NAMES: z._default(z.enum(["exact", "canonical"], 'must be "exact" or "canonical"'), "exact"),
  });

/** The names of the variables of all kinds of first factors. */
export const listFirstFactorVariables = (): string[] => [
  ...Object.keys(kind().shape),
  ...Object.values(kinds).flatMap((create) => Object.keys(create()._zod.def.in.shape)),
];

/** Parses `FIRST_FACTOR` and the variables of that kind. Variables of the other kinds are ignored. */
export function parseFirstFactorConfig(env: unknown): z.util.SafeParseResult<FirstFactorConfig> {
  const parsed = kind().safeParse(env);
  if (!parsed.success) return parsed as z.util.SafeParseError<never>;
  const { FIRST_FACTOR, EXTERNAL_NAMES: names } = parsed.data;
  const source = kinds[FIRST_FACTOR]().safeParse(env);
  if (!source.success) return source as z.util.SafeParseError<never>;
  return { success: true, data: { ...source.data, names } };
}
