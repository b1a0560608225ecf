import * as z from "zod/mini";
import { createKeyring, type Keyring, parseKeyringEntries } from "../core/crypto/keyring.ts";
import { canonicalizeUsername } from "../core/parsing/username.ts";
import { zodExpectedTypeErrorOption } from "../core/parsing/zod-type-error.ts";
import type { HeaderNameSet } from "../core/policy/cleared-header-names.ts";
import { type PolicyRule, parsePolicy } from "../core/policy/policy.ts";
import {
  type FirstFactorConfig,
  listFirstFactorVariables,
  parseFirstFactorConfig,
} from "./first-factor-config.ts";
import { dropHeaders, findKeptNameProblem, keepHeaders } from "./header-config.ts";
import { findMisspelledVariables } from "./misspelled-variables.ts";
import {
  defaultOriginHost,
  isOriginHostPossible,
  originHost,
  originUrl,
  publicUrl,
} from "./origin-config.ts";

/** The parsed variables and secrets, frozen. `docs/configuration.md` explains each variable. */
export interface Config {
  readonly keyring: Keyring;
  readonly adminKey: string;
  /** Required in addition to the caller's key to export users and to change an account of `adminUsers`. Null: both are denied. */
  readonly exportKey: string | null;
  /** User names of accounts that `adminKey` alone can't change, in canonical form (`core/parsing/username.ts`). */
  readonly adminUsers: ReadonlySet<string>;
  /** Starts with `/` and does not end with `/`. */
  readonly basePath: string;
  /** Scheme, host and port of the origin. `route`: the request's own host, for a Worker on a route. Null: the Worker forwards nothing. */
  readonly originUrl: string | null;
  /**
   * The host from which the origin builds and checks the site's addresses. `origin`: the host of `originUrl`, so addresses of the site in
   * headers are translated in both directions (`gate/site-addresses.ts`). `forward`: the visitor's host, so headers stay unchanged.
   */
  readonly originHost: "forward" | "origin";
  /** Headers that the gate removes from client requests, beside those of `core/policy/cleared-header-names.ts`. */
  readonly dropHeaders: HeaderNameSet;
  /** Headers that the gate forwards although its list or `dropHeaders` has them. Folded names (`core/parsing/folded-name.ts`). */
  readonly keepHeaders: ReadonlySet<string>;
  readonly firstFactor: FirstFactorConfig;
  /** The scheme and host that visitors see, for tokens that are signed without an HTTP request (RPC). Null: not configured. */
  readonly publicUrl: string | null;
  /** A request with this key comes from the operator's proxy: its headers about the client are trusted. Null: no proxy. */
  readonly proxyKey: string | null;
  readonly issuer: string;
  readonly enrolment: "required" | "optional";
  readonly policy: readonly PolicyRule[];
  /**
   * How to treat a request that names another method in an override header or in `_method` (INC-31). `drop`: remove the headers,
   * and apply the policy to the method in `_method` too. `pass`: forward them, and apply the policy to all methods. `never`: the
   * origin supports no override, so remove the headers and ignore `_method`.
   */
  readonly methodOverride: "drop" | "pass" | "never";
  readonly sessionMaxAgeSeconds: number;
  readonly sessionIdleSeconds: number;
  readonly sessionRecheckSeconds: number;
}

/** A variable whose value is missing or invalid. */
export interface ConfigProblem {
  /** The variable's name. */
  readonly name: string;
  /** What the value must be. It never contains the value, which may be a secret. */
  readonly message: string;
}

const maxSessionAgeSeconds = 30 * 24 * 3600;

const seconds = (min: number, max: number, byDefault: number) =>
  z._default(
    z.pipe(
      z.union(
        [z.number(), z.pipe(z.string().check(z.regex(/^\d{1,9}$/)), z.transform(Number))],
        "must be a whole number of seconds",
      ),
      z
        .int(zodExpectedTypeErrorOption("int"))
        .check(z.minimum(min, `must be at least ${min}`), z.maximum(max, `must be at most ${max}`)),
    ),
    byDefault,
  );

const anyText = () => z.string(zodExpectedTypeErrorOption("string"));

const keyring = () =>
  z.pipe(
    z.string("must be set, as id:base64 of 32 random bytes"),
    z.transform((text, context) => {
      const parsed = parseKeyringEntries(text);
      if (parsed.ok) return createKeyring(parsed.entries);
      context.issues.push({ code: "custom", message: parsed.message, input: text });
      return z.NEVER;
    }),
  );

const longKey = () =>
  z.string("must be set to at least 32 random characters").check(
    z.minLength(32, "must have at least 32 characters"),
    z.refine(
      (key) => !/change|replace|example|placeholder|secret/i.test(key),
      "looks like a placeholder; set a random value",
    ),
    z.refine(
      (key) => new Set(key).size >= 10,
      "looks like a placeholder, with fewer than 10 different characters; set a random value",
    ),
  );

const basePath = () =>
  anyText().check(
    z.regex(/^(\/[A-Za-z0-9._~-]+)+$/, "must be a path such as /api/auth, without a / at the end"),
    z.refine(
      (path) => !path.split("/").some((segment) => /^\.+$/.test(segment)),
      "must not have the segments . or ..",
    ),
  );

const policy = () =>
  z.pipe(
    z._default(
      z.union(
        [
          z.string(),
          z.pipe(
            z.array(z.unknown()),
            z.transform((rules) => JSON.stringify(rules)),
          ),
        ],
        "must be a JSON array of rules",
      ),
      "[]",
    ),
    z.transform((json, context) => {
      const parsed = parsePolicy(json);
      if (parsed.ok) return parsed.rules;
      context.issues.push({ code: "custom", message: parsed.message, input: json });
      return z.NEVER;
    }),
  );

const adminUsers = () =>
  z.pipe(
    z._default(anyText(), ""),
    z.transform((text, context) => {
      const entries = text.split(",").filter((entry) => entry.trim() !== "");
      const names = entries.flatMap((entry) => canonicalizeUsername(entry) ?? []);
      if (names.length === entries.length) return new Set(names);
      const message = "must be user names, separated by commas; one of them is not a valid user name";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

/** `EXPORT_KEY` protects when `ADMIN_KEY` or `PROXY_KEY` leaks, so it must differ from both. */
const isSeparateKey = (env: {
  EXPORT_KEY?: string | undefined;
  ADMIN_KEY: string;
  PROXY_KEY?: string | undefined;
}) => env.EXPORT_KEY === undefined || (env.EXPORT_KEY !== env.ADMIN_KEY && env.EXPORT_KEY !== env.PROXY_KEY);

/** A function, because a schema at module level would cost time at the start of every isolate. */
const variables = () =>
  z
    .object({
      KEYRING: keyring(),
      ADMIN_KEY: longKey(),
      EXPORT_KEY: z.optional(longKey()),
      ADMIN_USERS: adminUsers(),
      PROXY_KEY: z.optional(longKey()),
      BASE_PATH: z._default(basePath(), "/api/auth"),
      ORIGIN_URL: originUrl(),
      ORIGIN_HOST: originHost(),
      DROP_HEADERS: dropHeaders(),
      KEEP_HEADERS: keepHeaders(),
      PUBLIC_URL: publicUrl(),
      ISSUER: z._default(
        anyText().check(
          z.trim(),
          z.minLength(1, "must not be empty"),
          z.maxLength(64, "must have at most 64 characters"),
          z.regex(/^[^\p{C}]*$/u, "must not have control characters"),
        ),
        "Sallyport",
      ),
      ENROLMENT: z._default(z.enum(["required", "optional"], 'must be "required" or "optional"'), "required"),
      SIGN_UP: z._default(z.literal("closed", 'must be "closed": Sallyport has no sign-up'), "closed"),
      POLICY: policy(),
      METHOD_OVERRIDE: z._default(
        z.enum(["drop", "pass", "never"], 'must be "drop", "pass" or "never"'),
        "drop",
      ),
      SESSION_MAX_AGE: seconds(60, maxSessionAgeSeconds, 43_200),
      SESSION_IDLE: seconds(60, maxSessionAgeSeconds, 3_600),
      SESSION_RECHECK: seconds(0, 3_600, 60),
    })
    .check(
      z.refine(isSeparateKey, {
        path: ["EXPORT_KEY"],
        message: "must differ from ADMIN_KEY and PROXY_KEY",
      }),
      z.refine(isOriginHostPossible, {
        path: ["ORIGIN_HOST"],
        message:
          'must be "forward", because with ORIGIN_URL=route the site gets the host that the visitor asked for',
      }),
      (context) => {
        const message = findKeptNameProblem(context.value.DROP_HEADERS, context.value.KEEP_HEADERS);
        if (message === null) return;
        context.issues.push({ code: "custom", path: ["KEEP_HEADERS"], message, input: context.value });
      },
      z.refine((env) => env.SESSION_IDLE <= env.SESSION_MAX_AGE, {
        path: ["SESSION_IDLE"],
        message: "must not be more than SESSION_MAX_AGE",
      }),
      // A token is accepted for SESSION_RECHECK without a query to D1, where the time of the last request is.
      z.refine((env) => env.SESSION_RECHECK <= env.SESSION_IDLE, {
        path: ["SESSION_RECHECK"],
        message: "must not be more than SESSION_IDLE",
      }),
    );

/** The names of all variables and secrets. */
export const listVariables = (schema = variables()): string[] => [
  ...Object.keys(schema.shape),
  ...listFirstFactorVariables(),
];

/**
 * Parses the Worker's variables and secrets.
 *
 * @param env the bindings. An unknown variable is ignored, unless its name is within two edits of a known name, which is a problem
 * @returns the configuration, or every invalid variable with what it must be
 */
export function parseConfig(
  env: unknown,
): { ok: true; config: Config } | { ok: false; problems: readonly ConfigProblem[] } {
  const schema = variables();
  const parsed = schema.safeParse(env);
  const firstFactor = parseFirstFactorConfig(env);
  const issues = [...(parsed.error?.issues ?? []), ...(firstFactor.error?.issues ?? [])];
  const misspelled = findMisspelledVariables(env, listVariables(schema)).map(({ name, nearest }) => ({
    name,
    message: `${name} is not a variable of Sallyport. Did you mean ${nearest}?`,
  }));
  if (!parsed.success || !firstFactor.success || misspelled.length > 0) {
    const problems = issues.map(({ path, message }) => ({ name: String(path[0]), message }));
    return { ok: false, problems: [...misspelled, ...problems] };
  }
  const values = parsed.data;
  if (
    firstFactor.data.kind === "origin" &&
    firstFactor.data.whoAmI.startsWith("/") &&
    values.ORIGIN_URL === null
  ) {
    return {
      ok: false,
      problems: [{ name: "WHOAMI_URL", message: "must be an http(s) URL, because ORIGIN_URL is empty" }],
    };
  }
  const config = {
    keyring: values.KEYRING,
    adminKey: values.ADMIN_KEY,
    exportKey: values.EXPORT_KEY ?? null,
    adminUsers: values.ADMIN_USERS,
    basePath: values.BASE_PATH,
    originUrl: values.ORIGIN_URL,
    originHost: values.ORIGIN_HOST ?? defaultOriginHost(values.ORIGIN_URL),
    dropHeaders: values.DROP_HEADERS,
    keepHeaders: values.KEEP_HEADERS,
    firstFactor: firstFactor.data,
    proxyKey: values.PROXY_KEY ?? null,
    publicUrl: values.PUBLIC_URL,
    issuer: values.ISSUER,
    enrolment: values.ENROLMENT,
    policy: values.POLICY,
    methodOverride: values.METHOD_OVERRIDE,
    sessionMaxAgeSeconds: values.SESSION_MAX_AGE,
    sessionIdleSeconds: values.SESSION_IDLE,
    sessionRecheckSeconds: values.SESSION_RECHECK,
  };
  return { ok: true, config: Object.freeze(config) };
}
