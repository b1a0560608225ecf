import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { apiOperationsAndDocument } from "../../src/http/app.ts";
import type {
  JsonSchema,
  MediaTypeObject,
  OperationObject,
  ParameterObject,
} from "../../src/http/openapi/shapes.ts";
import { getConfig } from "../../src/runtime.ts";
import { createWorld, externalHeaders, type World } from "../support/api-world.ts";
import {
  arbitraryOf,
  type ClassifiedNamedValues,
  type Fault,
  faultsOf,
  type Making,
} from "../support/arbitrary-json.ts";
import { failAlways } from "../support/d1.ts";
import { DocumentedApi } from "../support/documented-answer.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { listRoutes } from "../support/routes.ts";
import { type Answer, base, Client, environment, send } from "../support/worker.ts";

// Issue 4: every call of the document is made, with input that it takes and with input that it does not, and the
// answer is held against the document. What a new call needs to go well is added to test/support/api-world.ts.

const validRuns = 4;
const documented = new DocumentedApi(apiOperationsAndDocument.documentFor(getConfig(environment())));

interface Documented {
  readonly name: string;
  readonly method: string;
  /** With `{name}` for a parameter. */
  readonly path: string;
  readonly operation: OperationObject;
}

const calls: readonly Documented[] = Object.entries(documented.document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const name = `${method.toUpperCase()} ${path}`;
    return { name, method: method.toUpperCase(), path, operation };
  }),
);

/** What goes into one call. */
interface Input {
  readonly path: Record<string, unknown>;
  readonly query: Record<string, unknown>;
  readonly headers: Record<string, unknown>;
  /** As text it is sent as it is. */
  readonly body: unknown;
}

interface Tweak {
  readonly headers?: Record<string, string>;
  readonly token?: string | null;
  readonly bindings?: Client;
}

let world: World;
let addresses = 0;
const byWorld = (one: Documented, tweak: Tweak) => (tweak.token === undefined ? tokenFor(one) : tweak.token);

/** Whoever makes many wrong calls from one network is blocked there: each call has one of its own. */
function nextAddress(): string {
  addresses += 1;
  return `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses & 255}`;
}

function tokenFor({ operation }: Documented): string | null {
  const [first] = operation.security;
  if (first?.apiKey !== undefined) return world.backend.key;
  return first === undefined || first.pendingCookie !== undefined ? null : world.subjectOf(operation).token;
}

function bodyOf({ operation }: Documented): [string, MediaTypeObject] | undefined {
  return Object.entries(operation.requestBody?.content ?? {})[0];
}

const isAboutExternalFirstFactor = ({ operation }: Documented) =>
  operation.operationId === "handOverFirstFactor";

async function call(one: Documented, input: Input, tweak: Tweak = {}): Promise<Answer> {
  const path = one.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(input.path[name])));
  const query = new URLSearchParams(
    Object.entries(input.query).map(([name, value]) => [name, String(value)]),
  );
  const token = byWorld(one, tweak);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.headers)) headers[name] = String(value);
  const type = bodyOf(one)?.[0];
  if (type !== undefined) headers["Content-Type"] = type;
  const isExternal = isAboutExternalFirstFactor(one);
  if (isExternal) Object.assign(headers, externalHeaders);
  return (tweak.bindings ?? (isExternal ? world.external : world.client)).call(
    `${path}${query.size === 0 ? "" : `?${query}`}`,
    {
      method: one.method,
      ...(input.body === undefined || one.method === "GET" ? {} : { body: input.body }),
      ...(token === null ? {} : { token }),
      headers: { ...headers, ...tweak.headers },
      address: nextAddress(),
    },
  );
}

function expectDocumented(one: Documented, answer: Answer, what: unknown = ""): void {
  const flaws = documented.flawsOf(one.operation, answer);
  expect({ call: one.name, what, flaws }).toEqual({ call: one.name, what, flaws: [] });
}

const makingWith = (named: ClassifiedNamedValues): Making => ({
  resolve: (schema) => documented.find<JsonSchema>(schema),
  named,
});

/** Input of all kinds that the document allows, with real ids, codes and tokens where they are asked for. */
async function validInput(one: Documented): Promise<fc.Arbitrary<Input>> {
  const named = await world.valuesFor(one.operation);
  const making = makingWith(named);
  const parameters = documented.parametersOf(one.operation);
  const group = (place: ParameterObject["in"]) => {
    const own = parameters.filter((parameter) => parameter.in === place);
    const properties = Object.fromEntries(own.map(({ name, schema }) => [name, schema]));
    const required = own.filter((parameter) => parameter.required).map(({ name }) => name);
    return arbitraryOf({ type: "object", properties, required }, making) as fc.Arbitrary<
      Record<string, unknown>
    >;
  };
  const path = Object.fromEntries(
    [...one.path.matchAll(/([\w-]+)\/\{(\w+)\}/g)].map(([, list = "", name = ""]) => [
      name,
      fc.constant(world.pathValue(list, one.operation)),
    ]),
  );
  const schema = bodyOf(one)?.[1].schema;
  return fc.record({
    path: fc.record(path),
    // A key has one realm.
    query: group("query").map(({ realm, ...query }) =>
      realm === undefined ? query : { ...query, realm: "local" },
    ),
    headers: group("header").filter((headers) =>
      Object.values(headers).every((value) => /^[\x21-\x7e]+$/.test(String(value))),
    ),
    body: schema === undefined ? fc.constant(undefined) : arbitraryOf(schema, making),
  });
}

/** One input that goes well, for each call. */
const good = new Map<string, Input>();

async function goodInput(one: Documented): Promise<Input> {
  const known = good.get(one.name);
  if (known !== undefined) return known;
  for (const input of fc.sample(await validInput(one), { numRuns: 60, seed: 4 })) {
    const given = { ...input, headers: withoutKey(input.headers) };
    const { status } = await call(one, given);
    await world.restore();
    if (status >= 400) continue;
    good.set(one.name, given);
    return given;
  }
  throw new Error(`${one.name} never goes well. What does it need in test/support/api-world.ts?`);
}

/** An address has nothing but text. */
const isSendable = (query: unknown): boolean =>
  Object.values(query as object).every((value) => ["string", "number"].includes(typeof value));

const unreadableJson = (body: unknown): [string, unknown, string, number][] => [
  ["half an object", '{"a":', "application/json", 400],
  ["a name twice", '{"a":1,"a":2}', "application/json", 400],
  ["an unknown member", { ...(body as object), no_such_member: 1 }, "application/json", 400],
];

const withoutKey = ({ "Idempotency-Key": _, ...headers }: Record<string, unknown>) => headers;

interface Variant {
  readonly input?: Partial<Input>;
  readonly tweak?: Tweak;
}

const plain: Variant = { input: { query: {} } };

/** Further calls by which the other good answers come about. */
const variants: Record<string, readonly Variant[]> = {
  putUser: [{ input: { path: { id: "brand-new" }, body: {} } }],
  forwardAuth: [{ tweak: { token: null, headers: { Accept: "text/html", "Sec-Fetch-Mode": "navigate" } } }],
  authRequest: [{ tweak: { token: null } }],
};

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => world.restore());

describe("the document", () => {
  it("is returned to every client, unchanged", async () => {
    const { status, json, headers } = await world.client.call("/openapi.json");
    expect(status).toBe(200);
    expect(json).toEqual(JSON.parse(JSON.stringify(documented.document)));
    expect(headers.get("Cache-Control")).toBe("no-store");
  });

  it("describes every route but pages and assets, and no other", () => {
    const pages = /^\/(sign-in|sign-out|second-factor|account|challenge|docs|assets)(\/|$)/;
    const routes = listRoutes()
      .map(({ method, path }) => `${method} ${path.slice(base.length)}`)
      .filter((route) => !pages.test(route.split(" ")[1] ?? ""));
    const described = calls.map(({ name }) => name.replace(/\{\w+\}/g, "x"));
    expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
    expect(described.length).toBeGreaterThan(30);
  });

  it("is shown to people, every call of it, with nothing from anywhere else", async () => {
    const { status, text, headers } = await world.client.call("/docs");
    expect([status, headers.get("Content-Type")]).toEqual([200, "text/html; charset=UTF-8"]);
    for (const { method, path, operation } of calls) {
      const details = text.split(`<details id="${operation.operationId}">`)[1] ?? "";
      expect(details).toContain(`${method}</span> <code>${path}</code>`);
      for (const status of Object.keys(operation.responses)) expect(details).toContain(`>${status}`);
    }
    const sources = [...text.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, source]) => source);
    const elsewhere = new Request(`https://other.example${base}/docs`);
    expect(await (await send(elsewhere, world.client.bindings)).text()).toContain(
      "curl &#39;https://other.example/api",
    );
    expect(sources.filter((source) => !/^(#|data:image|\/api\/auth\/)/.test(source ?? ""))).toEqual([]);
  });

  it("names every call once, and a group that it describes", () => {
    const ids = calls.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const groups = new Map(documented.document.tags.map(({ name, description }) => [name, description]));
    for (const { name, operation } of calls)
      for (const tag of operation.tags) expect([name, tag, groups.get(tag)]).not.toContain("");
  });
});

describe.each(calls)("$name", (one) => {
  const { operation } = one;
  const [security] = operation.security;
  const statuses = Object.keys(operation.responses).map(Number);
  const writes = one.method !== "GET";

  it("answers what it takes as documented, in every way that goes well", async () => {
    const seen = new Set<number>();
    const input = await validInput(one);
    await fc.assert(
      fc.asyncProperty(input, async (given) => {
        await world.restore();
        const answer = await call(one, given);
        expectDocumented(one, answer, given);
        // What the schema allows can be read.
        expect([400, 413, 415]).not.toContain(answer.status);
        seen.add(answer.status);
      }),
      { numRuns: validRuns },
    );
    // Without a filter there is something in every list.
    for (const { input: further, tweak } of [plain, ...(variants[operation.operationId] ?? [])]) {
      await world.restore();
      const answer = await call(one, { ...(await goodInput(one)), ...further }, tweak);
      expectDocumented(one, answer);
      seen.add(answer.status);
    }
    for (const status of documented.successesOf(operation)) expect([...seen]).toContain(status);
  });

  it("answers each single fault of its input as documented", async () => {
    const input = await goodInput(one);
    const making = makingWith(await world.valuesFor(operation));
    const schema = bodyOf(one)?.[1].schema;
    const isJson = bodyOf(one)?.[0] === "application/json";
    const faults: (Fault & { input: Input })[] =
      schema === undefined || !isJson
        ? []
        : faultsOf(schema, input.body, making).map((fault) => ({
            ...fault,
            input: { ...input, body: fault.value },
          }));
    const queries = documented.parametersOf(operation).filter((parameter) => parameter.in === "query");
    const inQuery = Object.fromEntries(
      queries.filter(({ name }) => name !== "realm").map(({ name, schema: s }) => [name, s]),
    );
    for (const fault of faultsOf({ properties: inQuery }, input.query, making).filter(
      ({ status, value }) => status === 422 && isSendable(value),
    ))
      faults.push({ ...fault, input: { ...input, query: fault.value as Input["query"] } });
    for (const fault of faults) {
      await world.restore();
      const answer = await call(one, fault.input);
      expectDocumented(one, answer, fault.what);
      expect({ what: fault.what, status: answer.status }).toEqual({ what: fault.what, status: fault.status });
    }
  });

  it("denies access as documented", async () => {
    const input = await goodInput(one);
    const refused: [string, Tweak, Partial<Input>, number, string][] = [];
    if (security?.apiKey !== undefined) {
      const [scope = ""] = security.apiKey;
      refused.push(
        ["nobody", { token: null }, {}, 401, "invalid_api_key"],
        ["an unknown key", { token: "sp_aaaaaaaaaaaaaaaa_bbbb" }, {}, 401, "invalid_api_key"],
        ["a session", { token: world.subjectOf(operation).token }, {}, 401, "invalid_api_key"],
        ["a key without the scope", { token: world.lacking(scope).key }, {}, 403, "forbidden"],
        ["a key of another realm", {}, { query: { ...input.query, realm: "elsewhere" } }, 404, "not_found"],
      );
    }
    if (security?.sessionToken !== undefined && operation.security.length === 2)
      refused.push(
        ["nobody", { token: null }, {}, 401, "unauthenticated"],
        ["a key", { token: world.backend.key }, {}, 401, "unauthenticated"],
      );
    if (security?.pendingCookie !== undefined)
      refused.push(["nobody", {}, { body: { code: "123456" } }, 401, "session_expired"]);
    if (writes)
      refused.push([
        "another site",
        { headers: { Origin: "https://evil.example" } },
        {},
        403,
        "csrf_rejected",
      ]);
    for (const [who, tweak, further, status, code] of refused) {
      const answer = await call(one, { ...input, ...further }, tweak);
      expectDocumented(one, answer, who);
      expect([who, answer.status, answer.json?.code]).toEqual([who, status, code]);
    }
  });

  it.runIf(writes)("refuses as documented a body that can't be read", async () => {
    const input = await goodInput(one);
    const type = bodyOf(one)?.[0] ?? "application/json";
    const unreadable: [string, unknown, string, number][] = [
      ["another type", "{}", "text/plain", 415],
      ["too much", "x".repeat(type === "application/json" ? 20 * 1024 : 9 * 1024 * 1024), type, 413],
      ...(type === "application/json" ? unreadableJson(input.body) : []),
    ];
    for (const [what, body, contentType, status] of unreadable) {
      await world.restore();
      const answer = await call(one, { ...input, body }, { headers: { "Content-Type": contentType } });
      expectDocumented(one, answer, what);
      expect([what, answer.status]).toEqual([what, status]);
    }
  });

  it.runIf(security?.apiKey !== undefined)("refuses as documented what it has not heard of", async () => {
    const input = await goodInput(one);
    const answer = await call(one, { ...input, query: { ...input.query, no_such_parameter: "1" } });
    expectDocumented(one, answer);
    expect([answer.status, answer.json.code]).toEqual([400, "malformed_request"]);
    const [place] = Object.keys(input.path).slice(-1);
    if (place === undefined || operation.operationId === "putUser") return;
    const unknown = await call(one, { ...input, path: { ...input.path, [place]: "nobody-has-this" } });
    expectDocumented(one, unknown);
    expect([unknown.status, unknown.json.code]).toEqual([404, "not_found"]);
    const stranger = await call(one, { ...input, query: {} }, { token: world.stranger.key });
    expectDocumented(one, stranger);
    expect(stranger.status, "WB-09 another realm's object is not there").toBe(404);
  });

  const takesKey = documented.parametersOf(operation).some(({ name }) => name === "Idempotency-Key");

  it.runIf(takesKey)(
    "WB-15 gives a retry the first answer as documented, and another call a conflict",
    async () => {
      const input = await goodInput(one);
      const tweak = { headers: { "Idempotency-Key": "the-same-one" } };
      const first = await call(one, input, tweak);
      const again = await call(one, input, tweak);
      expectDocumented(one, again);
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(again.headers.get("Idempotency-Replayed")).toBe("true");
      const body = { ...(input.body as object), code: "999999" };
      const other = await call(one, { ...input, body }, tweak);
      expectDocumented(one, other);
      expect([other.status, other.json.code]).toEqual([409, "idempotency_conflict"]);
    },
  );

  it.runIf(statuses.includes(503))("answers as documented when the store does not", async () => {
    const down = isAboutExternalFirstFactor(one)
      ? world.unreachable
      : new Client(environment({ DB: failAlways(env.DB) }));
    const answer = await call(one, await goodInput(one), { bindings: down });
    expectDocumented(one, answer);
    expect(answer.status).toBe(503);
  });
});
