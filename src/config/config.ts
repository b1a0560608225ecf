import * as z from "zod/mini";
import { createKeyring, type Keyring, parseKeyring } from "../core/crypto/keyring.ts";
import { canonicalUsername } from "../core/parsing/username.ts";
import { zodTypeError } from "../core/parsing/zod-type-error.ts";
import { type PolicyRule, parsePolicy } from "../core/policy/policy.ts";
import { type FirstFactorConfig, parseFirstFactor } from "./first-factor-config.ts";

/** Everything an operator can decide, parsed and frozen. `docs/configuration.md` explains each variable. */
export interface Config {
  readonly keyring: Keyring;
  readonly adminKey: string;
  /** Needed beside the caller's own key to export, and to change an account of `adminUsers`. Null: neither is possible. */
  readonly exportKey: string | null;
  /** Names of accounts that `adminKey` alone can't change. Canonical: `core/parsing/username.ts`. */
  readonly adminUsers: ReadonlySet<string>;
  /** Starts with `/`, has no `/` at its end. */
  readonly basePath: string;
  /** Scheme, host and port of the origin behind the gate; `route`: the zone's own. Null: no gate. */
  readonly originUrl: string | null;
  readonly firstFactor: FirstFactorConfig;
  /** The scheme and host that visitors see, for what is signed where no request tells. Null: not known. */
  readonly publicUrl: string | null;
  /** Who shows it is a proxy of the operator's, and is believed what it says of clients. */
  readonly proxyKey: string | null;
  readonly issuer: string;
  readonly enrolment: "required" | "optional";
  readonly policy: readonly PolicyRule[];
  /**
   * What the origin makes of a request that names another method than its own (INC-31). `drop`: not known, so the headers
   * are dropped and a `_method` is judged. `pass`: it serves that method. `never`: it serves no other method.
   */
  readonly methodOverride: "drop" | "pass" | "never";
  readonly sessionMaxAgeSeconds: number;
  readonly sessionIdleSeconds: number;
  readonly sessionRecheckSeconds: number;
}

export interface ConfigProblem {
  /** The variable's name. */
  readonly name: string;
  /** What it should be. Never its value: it may be a secret. */
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
        .int(zodTypeError("int"))
        .check(z.minimum(min, `must be at least ${min}`), z.maximum(max, `must be at most ${max}`)),
    ),
    byDefault,
  );

const anyText = () => z.string(zodTypeError("string"));

const keyring = () =>
  z.pipe(
    z.string("must be set: id:base64 of 32 random bytes"),
    z.transform((text, context) => {
      const parsed = parseKeyring(text);
      if (parsed.ok) return createKeyring(parsed.entries);
      context.issues.push({ code: "custom", message: parsed.message, input: text });
      return z.NEVER;
    }),
  );

const longKey = () =>
  z.string("must be set: 32 or more random characters").check(
    z.minLength(32, "must have at least 32 characters"),
    z.refine((key) => !/change|replace|example|placeholder|secret/i.test(key), "looks like a placeholder"),
    z.refine(
      (key) => new Set(key).size >= 10,
      "looks like a placeholder: it has hardly any different characters",
    ),
  );

const basePath = () =>
  anyText().check(
    z.regex(/^(\/[A-Za-z0-9._~-]+)+$/, "must be a path such as /api/auth, without / at its end"),
    z.refine(
      (path) => !path.split("/").some((segment) => /^\.+$/.test(segment)),
      "must not have dot segments",
    ),
  );

const originUrl = () =>
  z.pipe(
    z._default(anyText(), ""),
    z.transform((text, context) => {
      if (text === "") return null;
      if (text === "route") return text;
      const url = URL.parse(text);
      const bare = url !== null && url.pathname === "/" && url.search === "" && url.hash === "";
      if (bare && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "")
        return url.origin;
      const message = "must be http(s)://host[:port] and nothing behind it, or route, or empty";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

const publicUrl = () =>
  z.pipe(
    z._default(anyText(), ""),
    z.transform((text, context) => {
      if (text === "") return null;
      const url = URL.parse(text);
      if (url !== null && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, ""))
        return url.origin;
      const message = "must be http(s)://host[:port] and nothing behind it, or empty";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
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
        "must be a JSON array",
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
      const names = entries.flatMap((entry) => canonicalUsername(entry) ?? []);
      if (names.length === entries.length) return new Set(names);
      const message = "must be user names with commas between them; one of them can't be a user name";
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

/** A secret that is two things at once gives away both: EXPORT_KEY protects from the loss of each of the others. */
const isNoOther = (env: {
  EXPORT_KEY?: string | undefined;
  ADMIN_KEY: string;
  PROXY_KEY?: string | undefined;
}) => env.EXPORT_KEY === undefined || (env.EXPORT_KEY !== env.ADMIN_KEY && env.EXPORT_KEY !== env.PROXY_KEY);

/** Made when they are parsed, which every isolate does once. */
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
      SIGN_UP: z._default(z.literal("closed", 'must be "closed": sign-up is not built yet'), "closed"),
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
      z.refine(isNoOther, {
        path: ["EXPORT_KEY"],
        message: "must be another key than ADMIN_KEY and PROXY_KEY",
      }),
      z.refine((env) => env.SESSION_IDLE <= env.SESSION_MAX_AGE, {
        path: ["SESSION_IDLE"],
        message: "must not be more than SESSION_MAX_AGE",
      }),
      // A token is believed for SESSION_RECHECK without asking the store, which is what knows the idle time.
      z.refine((env) => env.SESSION_RECHECK <= env.SESSION_IDLE, {
        path: ["SESSION_RECHECK"],
        message: "must not be more than SESSION_IDLE",
      }),
    );

/**
 * Parses the Worker's variables and secrets.
 *
 * @param env the bindings, of which all but the known variables are ignored
 * @returns the configuration, or every variable that is wrong and what it should be
 */
export function parseConfig(
  env: unknown,
): { ok: true; config: Config } | { ok: false; problems: readonly ConfigProblem[] } {
  const parsed = variables().safeParse(env);
  const firstFactor = parseFirstFactor(env);
  const issues = [...(parsed.error?.issues ?? []), ...(firstFactor.error?.issues ?? [])];
  if (!parsed.success || !firstFactor.success) {
    return { ok: false, problems: issues.map(({ path, message }) => ({ name: String(path[0]), message })) };
  }
  const values = parsed.data;
  if (
    firstFactor.data.kind === "origin" &&
    firstFactor.data.whoAmI.startsWith("/") &&
    values.ORIGIN_URL === null
  ) {
    return {
      ok: false,
      problems: [{ name: "WHOAMI_URL", message: "must be an URL as long as ORIGIN_URL is empty" }],
    };
  }
  const config = {
    keyring: values.KEYRING,
    adminKey: values.ADMIN_KEY,
    exportKey: values.EXPORT_KEY ?? null,
    adminUsers: values.ADMIN_USERS,
    basePath: values.BASE_PATH,
    originUrl: values.ORIGIN_URL,
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
