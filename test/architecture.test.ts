import { describe, expect, it } from "vitest";

// The layers of docs/architecture.md#layers. Biome holds part of it while one types; here the whole of it is held.

const sources = import.meta.glob<string>("../src/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** Every source, by its path in `src`. */
const files = new Map(Object.entries(sources).map(([path, text]) => [path.replace("../src/", ""), text]));

const parts = [
  "core",
  "store",
  "domain",
  "http",
  "gate",
  "rpc",
  "scheduled",
  "index",
  "config",
  "runtime",
  "log",
] as const;
type Part = (typeof parts)[number];

/** `core` ← `store` ← `domain` ← `http`, `gate`, `rpc`, `scheduled` ← `index`. */
const mayImport: Record<Part, readonly Part[]> = {
  core: ["core"],
  config: ["core", "config"],
  store: ["core", "store"],
  domain: ["core", "store", "domain", "config"],
  log: ["domain"],
  runtime: ["core", "store", "domain", "config", "log"],
  gate: ["core", "store", "domain", "config", "gate"],
  http: ["core", "store", "domain", "config", "http", "runtime", "log"],
  rpc: ["core", "store", "domain", "config", "rpc", "runtime", "log"],
  scheduled: ["core", "store", "domain", "config", "scheduled", "runtime", "log"],
  index: ["http", "rpc", "scheduled", "runtime", "config"],
};

/** These files hand requests to the gate, and make responses of its decisions. */
const exceptions = [
  ["http/request-source.ts", "gate"],
  // The schemas of fields that both APIs take.
  ["rpc/rpc-inputs.ts", "http"],
  ["http/gate.ts", "gate"],
  ["http/forward-auth-routes.ts", "gate"],
];

/** What each part may take from outside. A part that is not here takes what it likes. */
const mayDependOn: Partial<Record<Part, readonly RegExp[]>> = {
  core: [/^@scure\/base$/, /^jose$/, /^zod\/mini$/, /^qrcode-svg$/, /^node:crypto$/],
  config: [/^zod\/mini$/],
  store: [/^drizzle-orm($|\/)/, /^@scure\/base$/],
  domain: [/^@scure\/base$/],
  log: [],
  index: [],
};

/** Comments and, if asked for, the contents of strings are taken out. */
function bare(text: string, { strings }: { strings: boolean }): string {
  const token = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(token, (_all, string?: string) =>
    string === undefined ? " " : strings ? string : '""',
  );
}

/** Everything that a source imports or exports again, types too. */
function specifiersOf(text: string): string[] {
  const code = bare(text, { strings: true });
  const static_ = /\b(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/g;
  const forEffect = /\bimport\s*\(?\s*["'`]([^"'`]+)["'`]/g;
  return [...code.matchAll(static_), ...code.matchAll(forEffect)].map(([, specifier = ""]) => specifier);
}

function partOf(path: string): Part {
  const name = path.split("/", 1)[0]?.replace(/\.tsx?$/, "");
  const part = parts.find((known) => known === name);
  if (part === undefined) throw new Error(`src/${path} belongs to no part`);
  return part;
}

/** The path in `src` that a relative specifier means. */
const resolve = (from: string, specifier: string) =>
  new URL(specifier, `file:///src/${from}`).pathname.replace(/^\/src\//, "");

/** What is wrong with one import, or null. */
function judgeImport(path: string, specifier: string): string | null {
  const part = partOf(path);
  if (!specifier.startsWith(".")) {
    const allowed = mayDependOn[part];
    const platform =
      specifier.startsWith("cloudflare:") && !["http", "rpc", "index", "runtime"].includes(part);
    const drizzle = /^drizzle-/.test(specifier) && part !== "store";
    const web = /^hono($|\/)/.test(specifier) && !["http", "gate"].includes(part);
    const wholeZod = /^zod($|\/)/.test(specifier) && specifier !== "zod/mini";
    const known = allowed === undefined || allowed.some((pattern) => pattern.test(specifier));
    return known && !platform && !drizzle && !web && !wholeZod
      ? null
      : `src/${path} must not depend on ${specifier}`;
  }
  const target = resolve(path, specifier);
  if (target.startsWith("/")) return `src/${path} imports ${specifier}, which is outside of src`;
  const allowed = mayImport[part].includes(partOf(target));
  const excepted = exceptions.some(([from, to]) => path === from && partOf(target) === to);
  return allowed || excepted ? null : `src/${path} must not import src/${target}`;
}

const judgeImports = (path: string, text: string) =>
  specifiersOf(text).flatMap((specifier) => judgeImport(path, specifier) ?? []);

/** Names that a part must not say, because they are of the platform or of HTTP. */
function judgeNames(path: string, text: string): string[] {
  if (!["core", "store", "domain"].includes(partOf(path))) return [];
  const platform = /\b(Request|Response|Headers|FormData|Env|Bindings|ExecutionContext|Hono|caches|fetch)\b/g;
  const found = bare(text, { strings: false }).matchAll(platform);
  return [...found].map(([name]) => `src/${path} names ${name}`);
}

const clockParts: readonly Part[] = ["http", "gate", "rpc", "scheduled", "log", "runtime"];

/** Rule 1: time is an argument. */
function judgeClock(path: string, text: string): string[] {
  if (clockParts.includes(partOf(path))) return [];
  const clock =
    /\bDate\.now\b|\bnew\s+Date\b(?!\s*\(\s*[^\s)])|(?<!new\s+)\bDate\s*\(|\bperformance\b|\bTemporal\b/g;
  return [...bare(text, { strings: false }).matchAll(clock)].map(
    ([call]) => `src/${path} asks the clock: ${call}`,
  );
}

/** Every SQL statement of the project is in `store`. */
function judgeSql(path: string, text: string): string[] {
  if (partOf(path) === "store") return [];
  const sql =
    /\bdrizzle\b|\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.+\bSET\b|\bDELETE FROM\b|\.prepare\(|\bsql`/g;
  return [...bare(text, { strings: true }).matchAll(sql)].map(([found]) => `src/${path} has SQL: ${found}`);
}

const shapelessNames = /^(utils?|helpers?|misc|services?|managers?|common|shared)$/;

/** Names that say nothing, and barrels. */
function judgeFile(path: string, text: string): string[] {
  const segments = path.replace(/\.tsx?$/, "").split("/");
  // `service` is the folder of the service API in `store` and `http/api`.
  const isServiceApi = (name: string, index: number) => name === "service" && index < segments.length - 1;
  const faults = segments
    .filter((name, index) => shapelessNames.test(name) && !isServiceApi(name, index))
    .map((name) => `src/${path}: what is a ${name}?`);
  if (segments.at(-1) === "index" && path !== "index.ts") faults.push(`src/${path} is a barrel`);
  // The entrypoints of the Worker and of the package: their exports are an interface to the outside.
  const isEntrypoint = path === "index.ts" || path === "rpc.ts";
  if (
    !isEntrypoint &&
    /\bexport\s+(?:type\s+)?(?:\*|\{[^}]*\})[^;"']*\bfrom\b/.test(bare(text, { strings: true }))
  )
    faults.push(`src/${path} exports what is another file's`);
  return faults;
}

const faultsIn = (judge: (path: string, text: string) => string[]) =>
  [...files].flatMap(([path, text]) => judge(path, text));

describe("the source", () => {
  it("is there to be judged, with a file in every part that is built", () => {
    expect(files.size).toBeGreaterThan(80);
    const built = new Set([...files.keys()].map(partOf));
    expect(parts.filter((part) => !built.has(part))).toEqual([]);
    const imports = [...files.values()].flatMap(specifiersOf);
    expect(imports.filter((specifier) => specifier.startsWith(".")).length).toBeGreaterThan(200);
  });

  it("imports downwards only: core, store, domain, then http, gate, rpc and scheduled, then index", () => {
    expect(faultsIn(judgeImports)).toEqual([]);
  });

  it("imports files that are there, by their whole name", () => {
    const imported = [...files].flatMap(([path, text]) =>
      specifiersOf(text)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => resolve(path, specifier)),
    );
    const assets = /^http\/pages\/assets\/(?:sallyport\.css|(?:sallyport|site)\.client\.js)$/;
    expect(imported.filter((target) => !files.has(target) && !assets.test(target))).toEqual([]);
  });

  it("loads nothing whose name is made at run time", () => {
    const dynamic = /\bimport\s*\((?!\s*["'])|\brequire\s*\(/;
    const found = [...files].filter(([, text]) => dynamic.test(bare(text, { strings: true })));
    expect(found.map(([path]) => path)).toEqual([]);
  });

  it("keeps the platform and HTTP out of core, store and domain", () => {
    expect(faultsIn(judgeNames)).toEqual([]);
  });

  it("asks the clock at its edges only", () => {
    expect(faultsIn(judgeClock)).toEqual([]);
  });

  it("has all of its SQL in store", () => {
    expect(faultsIn(judgeSql)).toEqual([]);
  });

  it("has no file whose name says nothing, and no barrel", () => {
    expect(faultsIn(judgeFile)).toEqual([]);
  });

  it("has no two files of the same name", () => {
    const names = [...files.keys()].map((path) => path.replace(/^.*\//, "").replace(/\.tsx?$/, ""));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe("the judge", () => {
  it.each([
    ["core/crypto/totp.ts", 'import { z } from "../../config.ts";'],
    ["core/crypto/totp.ts", 'import type { User } from "../../store/users/user-rows.ts";'],
    ["core/crypto/totp.ts", 'import { env } from "cloudflare:workers";'],
    ["core/crypto/totp.ts", 'import { Hono } from "hono";'],
    ["core/crypto/totp.ts", 'import x from "left-pad";'],
    ["core/policy/policy.ts", 'import * as z from "zod";'],
    ["config/config.ts", 'import type { Deps } from "../domain/deps.ts";'],
    ["config/config.ts", 'import * as z from "zod/v4";'],
    ["store/users/user-rows.ts", 'import { signIn } from "../../domain/sign-in/password-sign-in.ts";'],
    ["store/users/user-rows.ts", 'import { Hono } from "hono/tiny";'],
    [
      "domain/sign-in/password-sign-in.ts",
      'import { refuse } from "../../http/problem/failure-response.tsx";',
    ],
    ["domain/sign-in/password-sign-in.ts", 'import { log } from "../../log.ts";'],
    ["domain/sign-in/password-sign-in.ts", 'import type { Bindings } from "../../runtime.ts";'],
    ["domain/sign-in/password-sign-in.ts", 'import { eq } from "drizzle-orm";'],
    ["domain/sign-in/password-sign-in.ts", 'export { eq } from "drizzle-orm";'],
    ["domain/sign-in/password-sign-in.ts", 'const x = await import("../../gate/forward-request.ts");'],
    ["gate/forward-request.ts", 'import { refuse } from "../http/problem/failure-response.tsx";'],
    ["gate/forward-request.ts", 'import {\n  log,\n} from "../log.ts";'],
    ["gate/forward-request.ts", 'import { eq } from "drizzle-orm";'],
    ["http/sign-in-redirect.ts", 'import { forwardIfAuthorized } from "../gate/forward-request.ts";'],
    ["http/app.ts", 'import { Api } from "../rpc.ts";'],
    ["http/api/users.ts", 'import "../../scheduled.ts";'],
    ["http/api/users.ts", 'import * as z from "zod";'],
    ["http/form-body.ts", 'import type { z } from "zod";'],
    ["http/api/users.ts", 'import { drizzle } from "drizzle-orm/d1";'],
    ["rpc.ts", 'import { serve } from "./http/serve.ts";'],
    ["scheduled.ts", 'import { forwardIfAuthorized } from "./gate/proxy.ts";'],
    ["index.ts", 'import { users } from "./store/platform/schema.ts";'],
    ["http/serve.ts", 'import worker from "../index.ts";'],
    ["http/serve.ts", 'import { host } from "../../test/support/worker.ts";'],
  ])("refuses in %s: %s", (path, text) => {
    expect(judgeImports(path, text)).toHaveLength(1);
  });

  it.each([
    ["http/gate.ts", 'import { forwardIfAuthorized } from "../gate/forward-request.ts";'],
    ["domain/sign-in/password-sign-in.ts", 'import type { Config } from "../../config.ts";'],
    ["domain/sign-in/password-sign-in.ts", '// import { x } from "../../http/app.ts";'],
    ["domain/sign-in/password-sign-in.ts", '/* like\n * import { x } from "hono";\n */'],
    ["rpc.ts", 'import { WorkerEntrypoint } from "cloudflare:workers";'],
    ["core/policy/policy.ts", 'import * as z from "zod/mini";'],
    ["http/api/users.ts", 'import * as z from "zod/mini";'],
  ])("allows in %s: %s", (path, text) => {
    expect(judgeImports(path, text)).toEqual([]);
  });

  it("knows no part for a folder that is not one of the parts", () => {
    expect(() => judgeImports("services/mail.ts", 'import "./x.ts";')).toThrow("belongs to no part");
  });

  it.each([
    "(): Response => x",
    "f(request: Request)",
    "new Headers()",
    "await fetch(url)",
    "(env: Env) => 1",
  ])("refuses in domain: %s", (text) => {
    expect(judgeNames("domain/x.ts", text)).toHaveLength(1);
    expect(judgeNames("http/x.ts", text)).toEqual([]);
    expect(judgeNames("domain/x.ts", `// ${text}\nconst a = "${text}";`)).toEqual([]);
  });

  it.each([
    "Date.now()",
    "new Date()",
    "new Date ( )",
    "new Date;",
    "[Date.now]",
    "Date()",
    "performance.now()",
  ])("refuses below the edges: %s", (text) => {
    expect(judgeClock("core/x.ts", `const t = ${text}`)).toHaveLength(1);
    expect(judgeClock("store/x.ts", `const t = ${text}`)).toHaveLength(1);
    expect(judgeClock("http/x.ts", `const t = ${text}`)).toEqual([]);
  });

  it.each(["new Date(now.getTime() + 1)", "(now: Date) =>", "x instanceof Date", "// Date.now()"])(
    "allows below the edges: %s",
    (text) => {
      expect(judgeClock("domain/x.ts", text)).toEqual([]);
    },
  );

  it.each(['db.run("DELETE FROM users")', "sql`changes() > 0`", "db.prepare(text)", "`SELECT 1 FROM users`"])(
    "refuses outside of store: %s",
    (text) => {
      expect(judgeSql("domain/x.ts", text).length).toBeGreaterThan(0);
      expect(judgeSql("store/x.ts", text)).toEqual([]);
    },
  );

  it.each([
    ["domain/utils.ts", ""],
    ["http/helpers/time.ts", ""],
    ["store/user-service/service.ts", ""],
    ["domain/manager.ts", ""],
    ["core/misc.ts", ""],
    ["domain/index.ts", ""],
    ["domain/x.ts", 'export * from "./y.ts";'],
    ["domain/x.ts", 'export { y } from "./y.ts";'],
    ["domain/x.ts", 'export type { Y } from "./y.ts";'],
  ])("refuses the file %s with %j in it", (path, text) => {
    expect(judgeFile(path, text)).toHaveLength(1);
  });
});
