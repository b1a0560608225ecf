import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { browserHeaders, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { failAlways } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, standOrigin, visit } from "../support/gate.ts";
import { listRoutes } from "../support/routes.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import {
  type Account,
  type Answer,
  base,
  Client,
  code,
  createAccount,
  type EnrolledAccount,
  environment,
  host,
  pendingToken,
  send,
} from "../support/worker.ts";

useFreshWorker();

interface Exchange {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: BodyInit;
}

/** Sends exactly this, with no header of the test's own. */
async function exchange(path: string, { method, headers, body }: Exchange = {}): Promise<Answer> {
  const request = new Request(host + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    redirect: "manual",
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  const response = await send(request);
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== "" ? JSON.parse(text) : null,
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** RFC 9457 as docs/contract.md#errors has it: nothing missing, nothing of the request in it, and the request's id in both places. */
function expectProblem(what: string, answer: Answer, status: number, problemCode: string): void {
  expect([what, answer.status, answer.json?.code]).toEqual([what, status, problemCode]);
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
  expect(answer.json).toMatchObject({
    type: `urn:sallyport:problem:${problemCode}`,
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/\S/),
    code: problemCode,
    request_id: answer.headers.get("X-Request-Id"),
  });
}

interface JsonCall {
  readonly method: "POST" | "DELETE";
  readonly path: string;
  readonly headers: Record<string, string>;
  /** A body that would do, but for its code: that is never right, so that a valid one changes nothing. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly optional?: readonly string[];
}

interface Fixture {
  readonly account: EnrolledAccount;
  readonly full: string;
  readonly pending: string;
  readonly calls: readonly JsonCall[];
}

async function prepare(): Promise<Fixture> {
  const account = await createReadyAccount();
  const full = await fullToken(account);
  const pending = await pendingToken(account);
  const bearer = { Authorization: `Bearer ${full}` };
  const text = "0000-0000";
  const calls: readonly JsonCall[] = [
    { method: "POST", path: "/login", headers: {}, body: { username: "nobody", password: "x" } },
    { method: "POST", path: "/totp/verify", headers: {}, body: { session_token: pending, code: text } },
    { method: "POST", path: "/totp/setup", headers: bearer, body: {} },
    {
      method: "POST",
      path: "/totp/enable",
      headers: bearer,
      body: { code: "000000", secret: "AAAA" },
      optional: ["secret"],
    },
    { method: "POST", path: "/totp/disable", headers: bearer, body: { code: text, password: "x" } },
    { method: "POST", path: "/step-up", headers: bearer, body: { code: text } },
    { method: "POST", path: "/backup-codes", headers: bearer, body: { code: text } },
    { method: "POST", path: "/logout", headers: bearer, body: {} },
    { method: "DELETE", path: "/sessions", headers: bearer, body: {} },
    { method: "DELETE", path: "/sessions/x", headers: bearer, body: {} },
    {
      method: "POST",
      path: "/v1/users",
      headers: { Authorization: `Bearer ${env.ADMIN_KEY}` },
      body: { username: "bob", password: "long enough for this", email: "bob@example.com" },
      optional: ["password", "email"],
    },
  ];
  return { account, full, pending, calls };
}

const json = { "Content-Type": "application/json" };

function sendTo(call: JsonCall, body: BodyInit, headers: Record<string, string> = json): Promise<Answer> {
  return exchange(base + call.path, { method: call.method, headers: { ...call.headers, ...headers }, body });
}

/** Is there a field that has to be there? */
const needsFields = ({ body, optional = [] }: JsonCall) =>
  Object.keys(body).some((name) => !optional.includes(name));

const nameOf = ({ method, path }: JsonCall) => `${method} ${path}`;

type Dump = Awaited<ReturnType<typeof dumpDatabase>>;

/** Nothing has been tried, spent, counted or changed. Asking may have marked a session as seen. */
async function expectUntouched(before: Dump): Promise<void> {
  const unseen = ({ sessions = [], ...tables }: Dump) => ({
    ...tables,
    sessions: sessions.map(({ last_seen_at: _, ...row }) => row),
  });
  expect(unseen(await dumpDatabase())).toEqual(unseen(before));
}

describe("a body that can't be read", () => {
  it("covers every route that takes one", async () => {
    const { calls } = await prepare();
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
    const { calls } = await prepare();
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
    const { calls, full, pending } = await prepare();
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
    expect((await exchange(`${base}/login`, { headers: json, body: twice })).status).toBe(401);
  });

  it("WB-08 is a 4xx however deep it goes", async () => {
    const { calls } = await prepare();
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
        // What is missing is found before what is too much.
        const [status, problemCode] = needsFields(call)
          ? ([422, "invalid_format"] as const)
          : ([400, "malformed_request"] as const);
        expectProblem(nameOf(call), await sendTo(call, `{"extra":${value}}`), status, problemCode);
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
    const { calls } = await prepare();
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
    const { calls } = await prepare();
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
    const { calls } = await prepare();
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
    const { calls } = await prepare();
    const before = await dumpDatabase();
    for (const call of calls) {
      const headers = { ...json, "Content-Length": String(tooLarge.length) };
      expectProblem(nameOf(call), await sendTo(call, tooLarge, headers), 413, "body_too_large");
    }
    await expectUntouched(before);
  });

  it("WB-08 is a 413 when its length is not said", async () => {
    const { calls } = await prepare();
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
    const login = (body: string) => exchange(`${base}/login`, { headers: json, body });
    // Within the limit it is the password that is too long.
    expectProblem("16 KiB", await login(fill(16_384)), 422, "invalid_format");
    expectProblem("one more", await login(fill(16_385)), 413, "body_too_large");
  });

  it("WB-08 is a 413 for a page's form, and nothing is done", async () => {
    const { full } = await prepare();
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

describe("a field", () => {
  it("is a 422 when it is missing, and costs nothing", async () => {
    const { calls, pending, account } = await prepare();
    const before = await dumpDatabase();
    for (const call of calls) {
      const cookieStandsIn = call.path === "/totp/verify" ? ["session_token"] : [];
      const passwordless = call.path === "/totp/disable" ? ["password"] : [];
      const optional = [...(call.optional ?? []), ...cookieStandsIn, ...passwordless];
      for (const name of Object.keys(call.body)) {
        if (optional.includes(name)) continue;
        const { [name]: _, ...rest } = call.body;
        expectProblem(
          `${nameOf(call)} ${name}`,
          await sendTo(call, JSON.stringify(rest)),
          422,
          "invalid_format",
        );
      }
      if (needsFields(call)) {
        expectProblem(nameOf(call), await sendTo(call, "{}"), 422, "invalid_format");
        expectProblem(
          nameOf(call),
          await exchange(base + call.path, { method: call.method, headers: call.headers }),
          422,
          "invalid_format",
        );
      }
    }
    await expectUntouched(before);
    expect((await verify(pending, await code(account.secret))).status).toBe(200);
  });

  it("is a 422 when it is of another type, and costs nothing", async () => {
    const { calls } = await prepare();
    const before = await dumpDatabase();
    for (const call of calls) {
      for (const name of Object.keys(call.body)) {
        for (const value of [null, true, false, 0, 123456, -1, 1.5, [], {}, ["123456"], { length: 6 }]) {
          const body = JSON.stringify({ ...call.body, [name]: value });
          const answer = await sendTo(call, body);
          expectProblem(`${nameOf(call)} ${name} ${JSON.stringify(value)}`, answer, 422, "invalid_format");
          expect(answer.json.detail).toContain(name);
        }
      }
    }
    await expectUntouched(before);
  });

  const tooLong: Readonly<Record<string, readonly string[]>> = {
    username: [
      "",
      " ",
      "\t",
      "x".repeat(257),
      "x".repeat(1025),
      "a\0b",
      "a\nb",
      "a\u001bb",
      "\u202e",
      "\ud800",
    ],
    password: ["", "x".repeat(4097)],
    session_token: ["", "x".repeat(4097)],
    code: [
      "",
      "12345",
      "1234567",
      "x",
      "U".repeat(8),
      "１２３４５６",
      "١٢٣٤٥٦",
      "१२३४५६",
      "𝟏𝟐𝟑𝟒𝟓𝟔",
      "①②③④⑤⑥",
      "²³¹²³¹",
      "1".repeat(10_240),
      `123456${" ".repeat(100)}`,
    ],
    secret: ["x".repeat(129)],
    email: [
      "",
      "x",
      "@",
      "a@b",
      "a b@example.com",
      `${"x".repeat(250)}@example.com`,
      "a@example.com\r\nBcc: b@example.com",
    ],
  };

  it("is a 422 when it is too long, empty, or of the wrong form, and costs nothing", async () => {
    const { calls } = await prepare();
    const before = await dumpDatabase();
    for (const call of calls) {
      for (const name of Object.keys(call.body)) {
        for (const value of tooLong[name] ?? []) {
          const answer = await sendTo(call, JSON.stringify({ ...call.body, [name]: value }));
          expectProblem(`${nameOf(call)} ${name} ${value.slice(0, 20)}`, answer, 422, "invalid_format");
          if (value.length > 1 && value !== name) expect(answer.json.detail).not.toContain(value);
        }
      }
    }
    await expectUntouched(before);
  });

  it("CR-07 is a 422 when it is a new password that would not do", async () => {
    const { calls } = await prepare();
    const before = await dumpDatabase();
    const users = calls.find(({ path }) => path === "/v1/users") as JsonCall;
    for (const password of [
      "1234567",
      "password",
      "12345678",
      "aaaaaaaa",
      "bob@example.com",
      "x".repeat(1025),
    ]) {
      const answer = await sendTo(users, JSON.stringify({ ...users.body, password }));
      expectProblem(password.slice(0, 20), answer, 422, "weak_password");
      if (password !== "password") expect(answer.text).not.toContain(password);
    }
    await expectUntouched(before);
  });

  it("WB-10 counts for nothing in the address", async () => {
    const { account, full, pending } = await prepare();
    const text = await code(account.secret);
    const { username, password } = account;
    const before = await dumpDatabase();
    const search = String(
      new URLSearchParams({
        username,
        password,
        code: text,
        token: full,
        session_token: pending,
        access_token: full,
        api_key: env.ADMIN_KEY,
      }),
    );
    expectProblem(
      "login",
      await exchange(`${base}/login?${search}`, { method: "POST" }),
      422,
      "invalid_format",
    );
    const body = JSON.stringify({ session_token: pending });
    const verified = await exchange(`${base}/totp/verify?${search}`, { headers: json, body });
    expectProblem("verify", verified, 422, "invalid_format");
    const codeOnly = await exchange(`${base}/totp/verify?${search}`, {
      headers: json,
      body: JSON.stringify({ code: text }),
    });
    expectProblem("verify", codeOnly, 401, "session_expired");
    for (const path of ["/session", "/sessions", "/totp"]) {
      expectProblem(path, await exchange(`${base}${path}?${search}`), 401, "unauthenticated");
    }
    const user = await exchange(`${base}/v1/users?${search}`, { headers: json, body: '{"username":"bob"}' });
    expectProblem("users", user, 401, "invalid_api_key");
    const origin = standOrigin();
    expect((await visit(gated(), `/?${search}`)).status).toBe(401);
    expect(origin.requests).toEqual([]);
    await expectUntouched(before);
  });
});

describe("a method", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

  it("WB-06 that a route does not have is a 405 that says which it has", async () => {
    const allowed = new Map<string, Set<string>>();
    for (const { method, path } of listRoutes()) {
      const known = allowed.get(path) ?? new Set();
      allowed.set(path, known.add(method));
      if (method === "GET") known.add("HEAD");
    }
    let asked = 0;
    for (const [path, known] of allowed) {
      for (const method of methods) {
        if (known.has(method)) continue;
        const answer = await exchange(path, { method });
        expect([method, path, answer.status]).toEqual([method, path, 405]);
        const allow = answer.headers.get("Allow")?.split(/, */) ?? [];
        expect([method, path, allow.toSorted()]).toEqual([method, path, [...known].toSorted()]);
        asked += 1;
      }
    }
    expect(asked).toBeGreaterThan(150);
  });

  it("WB-06 that a route does not have is a problem document for a program", async () => {
    for (const [method, path, allow] of [
      ["GET", "/login", "POST"],
      ["PUT", "/totp/verify", "POST"],
      ["DELETE", "/totp", "GET, HEAD"],
      ["TRACE", "/session", "GET, HEAD"],
    ] as const) {
      const answer = await exchange(base + path, { method });
      expectProblem(`${method} ${path}`, answer, 405, "method_not_allowed");
      expect(answer.headers.get("Allow")).toBe(allow);
    }
  });

  it("WB-06 TRACE gives nothing back of what was sent", async () => {
    const headers = { Cookie: `${sessionCookieName}=secret-cookie`, "X-Secret": "secret-header" };
    const answer = await exchange(`${base}/session`, { method: "TRACE", headers });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).not.toContain("secret-");
  });

  it("WB-06 HEAD is GET without its body", async () => {
    const token = await fullToken(await createReadyAccount());
    for (const path of ["/session", "/totp", "/sign-in", "/assets/sallyport.css"]) {
      const headers = { Authorization: `Bearer ${token}` };
      const head = await exchange(base + path, { method: "HEAD", headers });
      const get = await exchange(base + path, { headers });
      expect([head.status, head.text]).toEqual([get.status, ""]);
      expect(head.headers.get("Content-Type")).toBe(get.headers.get("Content-Type"));
    }
  });
});

describe("a path", () => {
  it("that is none of the Worker's is a 404, whatever it looks like", async () => {
    for (const path of [
      "/",
      "/login",
      "/api",
      "/api/",
      "/api/auth/",
      "/api/authx/login",
      "/API/AUTH/login",
      "/api/auth/nothing",
      "/api/auth/login/",
      "/api/auth/LOGIN",
      "/api/auth//login",
      "//api/auth/login",
      "/api/auth/login;x=1",
      "/api/auth/login.json",
      "/api/auth/login%00",
      "/api/auth/login%20",
      "/api/auth/login%2f",
      "/api/auth%2flogin",
      "/api/auth/totp%2fverify",
      "/api/auth/%zz",
      "/api/auth/%",
      "/api/auth/%ff",
      "/api/auth/%c0%ae%c0%ae/login",
      "/api/auth/\u{1f6aa}",
      "/api/auth/..%2f..%2fetc/passwd",
      "/api/auth/assets/..%2f..%2fsrc/index.ts",
      "/api/auth/assets/sallyport.css.map",
      "/api/auth/.env",
      "/api/auth/sessions/x/y",
      `/api/auth/${"x".repeat(8000)}`,
      "/.well-known/jwks.json",
      "/.dev.vars",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const answer = await exchange(path, { method });
        expectProblem(`${method} ${path.slice(0, 60)}`, answer, 404, "not_found");
      }
    }
  });

  it("that names a session in an odd way is a 404", async () => {
    const token = await fullToken(await createReadyAccount());
    const headers = { Authorization: `Bearer ${token}` };
    for (const id of [
      "x",
      "%",
      "%zz",
      "%ff",
      "%00",
      "%0d%0a",
      "%2e%2e",
      "' OR 1=1 --",
      "*",
      "null",
      "x".repeat(7000),
    ]) {
      const answer = await exchange(`${base}/sessions/${id}`, { method: "DELETE", headers });
      expectProblem(id.slice(0, 20), answer, 404, "not_found");
    }
  });

  it("and what comes with it is never a 500: header values of any kind", async () => {
    const values = ["", " ", "x".repeat(20_000), "%00", "Bearer", "Bearer ", "Basic !", ",", "="];
    for (const name of [
      "Authorization",
      "Cookie",
      "Origin",
      "Sec-Fetch-Site",
      "CF-Connecting-IP",
      "User-Agent",
      "Accept",
      "Content-Length",
      "Content-Type",
    ]) {
      // One name is enough for what is no ASCII: workerd writes a warning for each.
      for (const value of name === "Authorization" ? [...values, "Bearer \u00e9"] : values) {
        const headers = new Headers({ ...json, [name]: value });
        const body = JSON.stringify({ username: "nobody", password: "x" });
        const answer = await exchange(`${base}/step-up`, { headers, body });
        expect([name, value.slice(0, 20), answer.status < 500]).toEqual([name, value.slice(0, 20), true]);
        const read = await exchange(`${base}/session`, { headers: { [name]: value } });
        expect([name, value.slice(0, 20), read.status]).toEqual([name, value.slice(0, 20), 401]);
      }
    }
  });
});

describe("a request that another site has caused", () => {
  const evil = "https://evil.example";

  /** Every call that changes something, as a page of this host would send it. */
  const formPaths = listRoutes()
    .filter(
      ({ method, path }) =>
        method === "POST" && /\/(sign-in|sign-out|second-factor|account(\/.*)?)$/.test(path),
    )
    .map(({ path }) => path);
  const changes = listRoutes().filter(({ method }) => method !== "GET");

  it.each([
    ["another origin", { Origin: evil }],
    ["an opaque origin", { Origin: "null" }],
    ["an origin that is none", { Origin: "nonsense" }],
    ["an origin that begins alike", { Origin: `${host}.evil.example` }],
    ["an origin that ends alike", { Origin: "https://evil-site.example" }],
    ["another port", { Origin: `${host}:8443` }],
    ["a subdomain", { Origin: "https://sub.site.example" }],
    ["a user name that looks alike", { Origin: "https://site.example@evil.example" }],
    ["a cross-site fetch", { "Sec-Fetch-Site": "cross-site" }],
    ["a same-site fetch", { "Sec-Fetch-Site": "same-site" }],
    ["a fetch from nowhere", { "Sec-Fetch-Site": "none" }],
    ["a cross-site fetch that says the right origin", { "Sec-Fetch-Site": "cross-site", Origin: host }],
    ["neither origin nor fetch metadata", {}],
  ])("WB-01 changes nothing with a cookie and %s", async (_, headers: Record<string, string>) => {
    const { full, pending } = await prepare();
    const before = await dumpDatabase();
    const Cookie = `${sessionCookieName}=${full}; ${pendingCookieName}=${pending}`;
    for (const { method, path } of changes) {
      for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
        const answer = await exchange(path, {
          method,
          headers: { ...headers, Cookie, "Content-Type": type },
          body: type === "application/json" ? "{}" : "x=1",
        });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        if (!formPaths.includes(path)) expectProblem(path, answer, 403, "csrf_rejected");
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
    }
    await expectUntouched(before);
  });

  it("WB-01 signs nobody in, though it needs no cookie for that", async () => {
    const account: Account = await createAccount();
    const { username, password } = account;
    for (const headers of [{ Origin: evil }, { "Sec-Fetch-Site": "cross-site" }, { Origin: "null" }]) {
      const form = { ...headers, "Content-Type": "application/x-www-form-urlencoded" };
      const page = await exchange(`${base}/sign-in`, {
        headers: form,
        body: String(new URLSearchParams({ username, password })),
      });
      expect([page.status, page.headers.getSetCookie()]).toEqual([403, []]);
      const api = await exchange(`${base}/login`, {
        headers: { ...headers, ...json },
        body: JSON.stringify({ username, password }),
      });
      expectProblem("login", api, 403, "csrf_rejected");
      expect(api.headers.getSetCookie()).toEqual([]);
    }
    expect(await query("SELECT id FROM sessions")).toEqual([]);
  });

  it("WB-01 is let through from this host's own pages, and from a program with its own token", async () => {
    const { full } = await prepare();
    const Cookie = `${sessionCookieName}=${full}`;
    for (const headers of [
      { Cookie, Origin: host },
      { Cookie, "Sec-Fetch-Site": "same-origin" },
      { Cookie, Origin: host, "Sec-Fetch-Site": "same-origin" },
      { Authorization: `Bearer ${full}` },
    ]) {
      const answer = await exchange(`${base}/totp/setup`, { method: "POST", headers });
      expect(answer.status).toBe(200);
    }
  });

  it("WB-01 does nothing by GET or HEAD", async () => {
    const { full } = await prepare();
    const before = await dumpDatabase();
    for (const { path } of changes) {
      for (const method of ["GET", "HEAD"]) {
        await exchange(path, { method, headers: { Cookie: `${sessionCookieName}=${full}`, Origin: evil } });
      }
    }
    await expectUntouched(before);
  });

  it("WB-02 is allowed to read nothing: no answer says who may", async () => {
    const { full } = await prepare();
    for (const { method, path } of listRoutes()) {
      for (const headers of [
        { Origin: evil },
        { Origin: "null" },
        { Origin: evil, Authorization: `Bearer ${full}` },
      ]) {
        const answer = await exchange(path, { method, headers });
        const cors = [...answer.headers.keys()].filter((name) => name.startsWith("access-control-"));
        expect([path, cors]).toEqual([path, []]);
      }
      const preflight = await exchange(path, {
        method: "OPTIONS",
        headers: {
          Origin: evil,
          "Access-Control-Request-Method": method,
          "Access-Control-Request-Headers": "authorization, content-type",
        },
      });
      expect([path, preflight.status]).toEqual([path, 405]);
      expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    }
  });
});

describe("the headers of an answer", () => {
  function expectOwnHeaders(what: string, { headers }: Answer): void {
    const csp = headers.get("Content-Security-Policy") ?? "";
    const directives = csp.split(/; */).filter((directive) => directive !== "");
    expect([what, directives]).toEqual([
      what,
      expect.arrayContaining([
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
      ]),
    ]);
    expect(csp).not.toMatch(/unsafe|\*|https?:/);
    const transport = /^max-age=(\d+); includeSubDomains/.exec(
      headers.get("Strict-Transport-Security") ?? "",
    );
    expect([what, Number(transport?.[1]) >= 31_536_000]).toEqual([what, true]);
    expect([what, headers.get("X-Content-Type-Options")]).toEqual([what, "nosniff"]);
    expect([what, headers.get("Referrer-Policy")]).toEqual([what, "same-origin"]);
    expect([what, headers.get("Cross-Origin-Opener-Policy")]).toEqual([what, "same-origin"]);
    expect([what, headers.get("X-Powered-By")]).toEqual([what, null]);
    expect([what, headers.get("Server")]).toEqual([what, null]);
  }

  /** An answer of every kind: every route, and every way to fail. */
  async function everyAnswer(): Promise<[what: string, answer: Answer][]> {
    const { account, calls, full, pending } = await prepare();
    const answers: [string, Answer][] = [];
    const add = async (what: string, answer: Promise<Answer>) => answers.push([what, await answer]);
    const cookie = browserHeaders({ [sessionCookieName]: full, [pendingCookieName]: pending });
    for (const { method, path } of listRoutes()) {
      await add(`${method} ${path}`, exchange(path, { method }));
      if (method === "GET") await add(`${method} ${path} signed in`, exchange(path, { headers: cookie }));
    }
    const [login, verification] = calls as [JsonCall, JsonCall];
    await add("401", sendTo(login, JSON.stringify(login.body)));
    await add("422", sendTo(login, "{}"));
    await add("400", sendTo(login, "{"));
    await add("415", sendTo(login, "{}", { "Content-Type": "text/plain" }));
    await add("413", sendTo(login, "x".repeat(20_000)));
    await add("403", exchange(`${base}/login`, { method: "POST", headers: { Origin: "null" } }));
    await add("404", exchange(`${base}/nothing`));
    await add("404 page", exchange(`${base}/nothing`, { headers: { Accept: "text/html" } }));
    await add("404 without an origin", exchange("/nothing", { headers: { Accept: "text/html" } }));
    await add("405", exchange(`${base}/login`));
    await add("303", exchange(base));
    await add("200 login", new Client().login(account));
    await add("200 setup", new Client().post("/totp/setup", {}, { token: full }));
    const right = { ...verification.body, code: await code(account.secret) };
    await add("200 verify", sendTo(verification, JSON.stringify(right)));
    await query("UPDATE users SET second_factor_blocked_until = ?", Date.now() + 60_000);
    await add("429", new Client().post("/step-up", { code: "123456" }, { token: full }));
    const broken = new Client(environment({ DB: failAlways(env.DB) }));
    await add("503", broken.call("/session", { token: full }));
    await add("503 page", broken.call("/account", { headers: cookie }));
    const unreadable = await visit(gated(), "/%zz%", {});
    await add("the gate: 400", asAnswer(unreadable));
    await add("the gate: 401", asAnswer(await visit(gated(), "/private")));
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("refused"));
    await add("the gate: 502", asAnswer(await visit(gated([{ path: "/*", require: "none" }]), "/")));
    return answers;
  }

  const asAnswer = async (response: Response): Promise<Answer> => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    json: null,
  });

  it("WB-03 are there whatever the Worker answers by itself, errors as well", async () => {
    const answers = await everyAnswer();
    const statuses = new Set(answers.map(([, { status }]) => status));
    expect([...statuses].toSorted()).toEqual([
      200, 303, 400, 401, 403, 404, 405, 410, 413, 415, 422, 429, 502, 503,
    ]);
    for (const [what, answer] of answers) expectOwnHeaders(`${what}: ${answer.status}`, answer);
  });

  it("WB-03 are there when the configuration is not valid", async () => {
    const answer = await new Client(environment({ KEYRING: "nonsense" })).call("/session");
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("nonsense");
    expectOwnHeaders("misconfigured", answer);
  });

  it("SE-13 keep every answer but assets and public keys out of caches", async () => {
    for (const [what, answer] of await everyAnswer()) {
      const cacheControl = answer.headers.get("Cache-Control");
      const isPublic = answer.status === 200 && /assets|jwks/.test(what);
      expect([what, cacheControl]).toEqual([what, isPublic ? "public, max-age=300" : "no-store"]);
      if (isPublic) expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });

  it("WB-06 name the content's type and, where a type has one, its character set", async () => {
    for (const [what, answer] of await everyAnswer()) {
      if (answer.text === "") continue;
      const type = answer.headers.get("Content-Type") ?? "none";
      // JSON has no character set to name (RFC 8259 11).
      expect([what, type]).toEqual([
        what,
        expect.stringMatching(
          /^(application\/json|application\/problem\+json; charset=utf-8|text\/(html|css|javascript); charset=utf-8)$/i,
        ),
      ]);
    }
  });

  it("WB-11 come with a body that tells nothing about the inside", async () => {
    for (const [what, answer] of await everyAnswer()) {
      if (answer.status < 400) continue;
      for (const inner of [
        "D1_ERROR",
        "SQLITE",
        "SELECT ",
        "drizzle",
        ".ts:",
        "    at ",
        "TypeError",
        "ZodError",
      ]) {
        expect([what, answer.text.includes(inner)]).toEqual([what, false]);
      }
    }
  });
});
