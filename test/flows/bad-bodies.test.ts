import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { browserHeaders, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  bytes,
  exchange,
  expectProblem,
  expectUntouched,
  jsonHeaders,
  nameOf,
  prepareJsonCalls,
  sendTo,
} from "../support/json-calls.ts";
import { listRoutes } from "../support/routes.ts";
import { dumpDatabase } from "../support/rows.ts";
import { base, Client, createAccount } from "../support/worker.ts";

useFreshWorker();

describe("a body that can't be read", () => {
  it("covers every route that takes one", async () => {
    const { calls } = await prepareJsonCalls();
    const covered = calls.map((call) => `${call.method} ${base}${call.path}`);
    // openapi-walk.test.ts sends each of them what can't be read.
    const walked = /\/v1\/(?!users$)/;
    const pages = /\/(sign-in|sign-out|second-factor|account(\/.*)?)$/;
    const unsafe = listRoutes()
      .filter(({ method, path }) => method !== "GET" && !pages.test(path) && !walked.test(path))
      .map(({ method, path }) => `${method} ${path}`);
    expect(covered.toSorted()).toEqual(unsafe.toSorted());
  });

  it("is a 400 when it is no JSON, or no object", async () => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const valid = JSON.stringify(call.body);
      for (const body of [
        "{",
        "}",
        valid.slice(0, -1),
        `${valid}x`,
        `${valid}${valid}`,
        '{"code":}',
        "{'code':'123456'}",
        '{"code":"123456",}',
        '{"code":"123456"} // comment',
        "undefined",
        "NaN",
        "code=123456&password=x",
        "<code>123456</code>",
        "\0",
        " ",
        "[]",
        `[${valid}]`,
        '"123456"',
        "123456",
        "1e999",
        "null",
        "true",
        "[".repeat(8000) + "]".repeat(8000),
      ]) {
        expectProblem(
          `${nameOf(call)} ${body.slice(0, 40)}`,
          await sendTo(call, body),
          400,
          "malformed_request",
        );
      }
    }
    await expectUntouched(before);
  });

  it("WB-08 is a 400 when a name stands twice, is __proto__, or is none of the call's", async () => {
    const { calls, full, pending } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const pairs = Object.entries(call.body).map(
        ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
      );
      const object = (...more: string[]) => `{${[...pairs, ...more].join(",")}}`;
      const [first] = pairs;
      const bodies = [
        object('"__proto__":{}'),
        object('"__proto__":{"code":"123456"}'),
        object('"\\u005f_proto__":1'),
        object('"constructor":{"prototype":{"admin":true}}'),
        object('"extra":1'),
        object('"":1'),
        object('"x":{"y":1,"y":2}'),
        object('"extra":1,"extra":1'),
        ...(first === undefined ? [] : [object(first), object(first.replace(/^"(.)/, escapeFirst))]),
      ];
      for (const body of bodies) {
        const answer = await sendTo(call, body);
        expectProblem(`${nameOf(call)} ${body}`, answer, 400, "malformed_request");
        for (const secret of [full, pending, env.ADMIN_KEY]) expect(answer.text).not.toContain(secret);
      }
    }
    await expectUntouched(before);
  });

  const escapeFirst = (_: string, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`;

  it("WB-08 takes a name in a text, and a name of another object, for what they are", async () => {
    const account = await createAccount("ada", 'quote " code": {"x":1} \\');
    expect((await new Client().login(account)).status).toBe(200);
    const twice = '{"username":"ada","password":"{\\"password\\":1,\\"password\\":2}"}';
    expect((await exchange(`${base}/login`, { headers: jsonHeaders, body: twice })).status).toBe(401);
  });

  it("WB-08 is a 4xx however deep it goes", async () => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    const deep = [`${"[".repeat(7000)}${"]".repeat(7000)}`, `${'{"a":'.repeat(2500)}1${"}".repeat(2500)}`];
    for (const call of calls) {
      for (const value of deep) {
        for (const name of Object.keys(call.body)) {
          const others = Object.entries(call.body).filter(([other]) => other !== name);
          const rest = others
            .map(([other, text]) => `,${JSON.stringify(other)}:${JSON.stringify(text)}`)
            .join("");
          const answer = await sendTo(call, `{${JSON.stringify(name)}:${value}${rest}}`);
          expectProblem(`${nameOf(call)} ${name}`, answer, 422, "invalid_format");
        }
        // What is not known is reported before what is missing.
        const answer = await sendTo(call, `{"extra":${value}}`);
        expectProblem(nameOf(call), answer, 400, "malformed_request");
      }
    }
    await expectUntouched(before);
  });

  it.each([
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "text/json",
    "application/jsonp",
    "application/json-patch+json",
    "application/problem+json",
    "application",
    "json",
    "*/*",
  ])("WB-01 WB-08 is a 415 when it comes as %s", async (type) => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const answer = await sendTo(call, bytes(JSON.stringify(call.body)) as BodyInit, {
        "Content-Type": type,
      });
      expectProblem(nameOf(call), answer, 415, "unsupported_media_type");
    }
    await expectUntouched(before);
  });

  it("WB-08 is a 415 when it comes as nothing", async () => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const answer = await sendTo(call, bytes(JSON.stringify(call.body)) as BodyInit, {});
      expectProblem(nameOf(call), answer, 415, "unsupported_media_type");
    }
    await expectUntouched(before);
  });

  it.each(["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ; charset=UTF-8"])(
    "is read when it comes as %s",
    async (type) => {
      const account = await createAccount();
      const { username, password } = account;
      const body = JSON.stringify({ username, password });
      const answer = await exchange(`${base}/login`, { headers: { "Content-Type": type }, body });
      expect(answer.status).toBe(200);
    },
  );

  it("INC-36 is a 400 when its bytes are not UTF-8", async () => {
    const { calls } = await prepareJsonCalls();
    for (const call of calls) {
      for (const broken of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
        const body = new Uint8Array([...bytes('{"username":"'), ...broken, ...bytes('","password":"x"}')]);
        const answer = await sendTo(call, body as BodyInit);
        expectProblem(nameOf(call), answer, 400, "malformed_request");
      }
    }
  });
});

describe("a body that is too large", () => {
  const tooLarge = JSON.stringify({ code: "1".repeat(1024 * 1024) });

  it("WB-08 is a 413 when its length is said", async () => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const headers = { ...jsonHeaders, "Content-Length": String(tooLarge.length) };
      expectProblem(nameOf(call), await sendTo(call, tooLarge, headers), 413, "body_too_large");
    }
    await expectUntouched(before);
  });

  it("WB-08 is a 413 when its length is not said", async () => {
    const { calls } = await prepareJsonCalls();
    const before = await dumpDatabase();
    for (const call of calls) {
      const stream = new Blob([tooLarge]).stream();
      expectProblem(nameOf(call), await sendTo(call, stream as BodyInit), 413, "body_too_large");
    }
    await expectUntouched(before);
  });

  it("WB-08 is a 413 from the first byte over 16 KiB, and read up to there", async () => {
    const fill = (length: number) => {
      const body = JSON.stringify({ username: "nobody", password: "" });
      return body.replace('""', `"${"x".repeat(length - body.length)}"`);
    };
    const login = (body: string) => exchange(`${base}/login`, { headers: jsonHeaders, body });
    // Within the limit it is the password that is too long.
    expectProblem("16 KiB", await login(fill(16_384)), 422, "invalid_format");
    expectProblem("one more", await login(fill(16_385)), 413, "body_too_large");
  });

  it("WB-08 is a 413 for a page's form, and nothing is done", async () => {
    const { full } = await prepareJsonCalls();
    const before = await dumpDatabase();
    const headers = {
      ...browserHeaders({ [sessionCookieName]: full }),
      "Content-Type": "application/x-www-form-urlencoded",
    };
    for (const path of ["/sign-in", "/second-factor", "/sign-out", "/account/two-factor/disable"]) {
      const answer = await exchange(base + path, {
        method: "POST",
        headers,
        body: `code=${"1".repeat(1024 * 1024)}`,
      });
      expect([path, answer.status]).toEqual([path, 413]);
    }
    await expectUntouched(before);
  });
});
