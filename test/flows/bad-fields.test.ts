import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { verify } from "../support/accounts.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit } from "../support/gate.ts";
import {
  exchange,
  expectProblem,
  expectUntouched,
  hasRequiredFields,
  type JsonCall,
  jsonHeaders,
  nameOf,
  prepareJsonCalls,
  sendTo,
} from "../support/json-calls.ts";
import { dumpDatabase } from "../support/rows.ts";
import { base, code } from "../support/worker.ts";

useFreshWorker();

describe("a field", () => {
  it("is a 422 when it is missing, and costs nothing", async () => {
    const { calls, pending, account } = await prepareJsonCalls();
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
      if (hasRequiredFields(call)) {
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
    const { calls } = await prepareJsonCalls();
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
    const { calls } = await prepareJsonCalls();
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
    const { calls } = await prepareJsonCalls();
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
    const { account, full, pending } = await prepareJsonCalls();
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
    const verified = await exchange(`${base}/totp/verify?${search}`, { headers: jsonHeaders, body });
    expectProblem("verify", verified, 422, "invalid_format");
    const codeOnly = await exchange(`${base}/totp/verify?${search}`, {
      headers: jsonHeaders,
      body: JSON.stringify({ code: text }),
    });
    expectProblem("verify", codeOnly, 401, "session_expired");
    for (const path of ["/session", "/sessions", "/totp"]) {
      expectProblem(path, await exchange(`${base}${path}?${search}`), 401, "unauthenticated");
    }
    const user = await exchange(`${base}/v1/users?${search}`, {
      headers: jsonHeaders,
      body: '{"username":"bob"}',
    });
    expectProblem("users", user, 401, "invalid_api_key");
    const origin = mockOrigin();
    expect((await visit(gated(), `/?${search}`)).status).toBe(401);
    expect(origin.requests).toEqual([]);
    await expectUntouched(before);
  });
});
