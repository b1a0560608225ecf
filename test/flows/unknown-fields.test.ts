import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { apiOperationsAndDocument } from "../../src/http/app.ts";
import type { JsonSchema } from "../../src/http/openapi/shapes.ts";
import { getConfig } from "../../src/runtime.ts";
import { DocumentedApi } from "../support/documented-answer.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile } from "../support/import-export.ts";
import { exchange, expectProblem, jsonHeaders, prepareJsonCalls, sendTo } from "../support/json-calls.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { base, environment } from "../support/worker.ts";

useFreshWorker();

const documented = new DocumentedApi(apiOperationsAndDocument.documentFor(getConfig(environment())));
const admin = { Authorization: `Bearer ${env.ADMIN_KEY}` };

/** The operations of the service API. */
const serviceCalls = Object.entries(documented.document.paths)
  .filter(([path]) => path.startsWith("/v1/"))
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: base + path.replace(/\{\w+\}/g, "42"),
      operation,
    })),
  );

/** A misspelling that is no name of any call. */
const misspell = (name: string) => name.slice(0, 1) + name;

const named = (name: string) => `"${misspell(name)}" (did you mean "${name}"?)`;

describe("a misspelled field", () => {
  it("WB-08 is named with the nearest known field by every call for visitors", async () => {
    const { calls } = await prepareJsonCalls();
    for (const call of calls) {
      for (const name of Object.keys(call.body)) {
        const { [name]: value, ...rest } = call.body;
        const answer = await sendTo(call, JSON.stringify({ ...rest, [misspell(name)]: value }));
        expectProblem(`${call.path} ${name}`, answer, 400, "malformed_request");
        expect(answer.json.detail).toContain(named(name));
      }
    }
  });

  it("WB-08 is named with the nearest known field by every call of the service API", async () => {
    let fields = 0;
    for (const { method, path, operation } of serviceCalls) {
      const json = operation.requestBody?.content["application/json"]?.schema;
      const schema = json === undefined ? undefined : documented.find<JsonSchema>(json);
      for (const name of Object.keys(schema?.properties ?? {})) {
        const body = JSON.stringify({ [misspell(name)]: "x" });
        const answer = await exchange(path, { method, headers: { ...admin, ...jsonHeaders }, body });
        expectProblem(`${method} ${path} ${name}`, answer, 400, "malformed_request");
        expect(answer.json.detail).toContain(named(name));
        fields += 1;
      }
    }
    expect(fields).toBeGreaterThan(15);
  });

  it("WB-08 is named with the nearest known parameter by every call of the service API", async () => {
    let parameters = 0;
    for (const { method, path, operation } of serviceCalls) {
      const names = documented.parametersOf(operation).filter((parameter) => parameter.in === "query");
      const headers = { ...admin, ...(method === "POST" ? jsonHeaders : {}) };
      for (const { name } of names) {
        const type = Object.keys(operation.requestBody?.content ?? {})[0];
        const answer = await exchange(`${path}?${misspell(name)}=x`, {
          method,
          headers: { ...headers, ...(type === undefined ? {} : { "Content-Type": type }) },
          ...(method === "GET" ? {} : { body: "{}" }),
        });
        expectProblem(`${method} ${path} ${name}`, answer, 400, "malformed_request");
        expect(answer.json.detail).toContain(named(name));
        parameters += 1;
      }
    }
    expect(parameters).toBeGreaterThan(30);
  });

  it.each(["__proto__", "constructor", "toString", "prototype"])(
    "WB-08 is refused as a parameter with the name of a part of every object: %s",
    async (name) => {
      const answer = await exchange(`${base}/v1/users?${name}=x`, { headers: admin });
      expectProblem(name, answer, 400, "malformed_request");
      expect(answer.json.detail).toContain(`Unknown parameter "${name}".`);
    },
  );

  it("WB-08 is named with the nearest known field in each line of an import", async () => {
    const file = fileOf(
      { id: "1", user_name: "ada" },
      { id: "2", passwd_hash: "x" },
      { id: "3", role: "admin" },
    );
    const { json } = await importFile(file, { realm: "shop" });
    expect(json.data.errors.map(({ detail }: { detail: string }) => detail)).toEqual([
      'Unknown field "user_name" (did you mean "username"?).',
      'Unknown field "passwd_hash" (did you mean "password_hash"?).',
      expect.stringMatching(/^Unknown field "role"\. Known: id, username, /),
    ]);
  });

  it("LG-03 LG-04 is in no line of the log", async () => {
    const lines = collectLogLines();
    const answer = await exchange(`${base}/login`, {
      headers: jsonHeaders,
      body: JSON.stringify({ "evil\nname": "x", username: "ada", password: "x" }),
    });
    expect(answer.json.detail).toContain('"evil\\nname"');
    expect(lines.join("\n")).toContain("request.refused");
    expect(lines.join("\n")).not.toContain("evil");
  });
});
