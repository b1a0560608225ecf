import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, it, vi } from "vitest";
import { computeTimeStep } from "../src/core/crypto/totp.ts";
import type { Failure } from "../src/domain/failure.ts";
import { toProblem } from "../src/http/problem/problem.ts";
import { toRpcFailure } from "../src/rpc/rpc-failure.ts";
import { SecondFactor } from "../src/rpc.ts";
import { countTrips, delayD1, failAlways } from "./support/d1.ts";
import { useFreshWorker } from "./support/fresh-worker.ts";
import { collectLogLines } from "./support/log-lines.ts";
import { countEvaluated, listEvents, readUser } from "./support/rows.ts";
import {
  Client,
  code,
  codeOfStep,
  createEnrolledAccount,
  environment,
  type Overrides,
  wrongCode,
} from "./support/worker.ts";

useFreshWorker();

const shop = { realm: "shop", caller: "checkout" };

/** Calls the class itself, with other bindings than the test's own. */
async function withBindings<T>(
  overrides: Overrides,
  call: (rpc: SecondFactor) => Promise<T>,
  props: unknown = shop,
): Promise<T> {
  const context = Object.defineProperty(createExecutionContext(), "props", { value: props });
  const result = await call(new SecondFactor(context, environment(overrides)));
  await waitOnExecutionContext(context);
  return result;
}

/** A user of the shop with a second factor, over the binding. */
async function enrolled(user = "42") {
  const enrolment = await env.SECOND_FACTOR.enrol({ user });
  if (!enrolment.ok) throw new Error(enrolment.code);
  const first = await codeOfStep(enrolment.secret, computeTimeStep(new Date()) - 1);
  const confirmed = await env.SECOND_FACTOR.confirm({ user, code: first });
  if (!confirmed.ok) throw new Error(confirmed.code);
  return { user, secret: enrolment.secret, backupCodes: [...confirmed.backupCodes] };
}

describe("over a service binding", () => {
  it("a Worker enrols a user, confirms, verifies and asks for the status", async () => {
    const { user, secret, backupCodes } = await enrolled();
    expect(backupCodes).toHaveLength(10);
    const verified = await env.SECOND_FACTOR.verify({ user, code: await code(secret), action: "pay" });
    expect(verified).toMatchObject({ ok: true, method: "totp", backupCodesRemaining: 10 });
    const byBackupCode = await env.SECOND_FACTOR.verify({ user, code: backupCodes[0] ?? "" });
    expect(byBackupCode).toMatchObject({ ok: true, method: "backup_code", backupCodesRemaining: 9 });
    const status = await env.SECOND_FACTOR.status({ user });
    expect(status).toMatchObject({ ok: true, enrolled: true, backupCodesRemaining: 9, blockedUntil: null });
  });

  it("OTP-09 accepts a code once, over the binding and the service API together", async () => {
    const { user, secret } = await enrolled();
    const spent = await code(secret);
    expect(await env.SECOND_FACTOR.verify({ user, code: spent })).toMatchObject({ ok: true });
    expect(await env.SECOND_FACTOR.verify({ user, code: spent })).toEqual({
      ok: false,
      code: "invalid_code",
    });
    const admin = { token: env.ADMIN_KEY };
    const answer = await new Client().post(`/v1/users/${user}/verify?realm=shop`, { code: spent }, admin);
    expect([answer.status, answer.json.code]).toEqual([401, "invalid_code"]);
    expect(await countEvaluated()).toEqual({ accepted: 2, refused: 0, replayed: 2 });
  });

  it("a new user gets the name and address that the caller gives, and is found by HTTP", async () => {
    await env.SECOND_FACTOR.enrol({ user: "7", username: "Grace", email: "grace@example.com" });
    const answer = await new Client().call("/v1/users/7?realm=shop", { token: env.ADMIN_KEY });
    expect(answer.json.data).toMatchObject({ id: "7", realm: "shop", username: "grace" });
    expect(answer.json.data.email).toBe("grace@example.com");
  });

  it("EN-03 replaces an authenticator only with a code of it", async () => {
    const { user, secret } = await enrolled();
    expect(await env.SECOND_FACTOR.enrol({ user })).toEqual({ ok: false, code: "already_enabled" });
    const again = await env.SECOND_FACTOR.enrol({ user, code: await code(secret) });
    expect(again).toMatchObject({ ok: true, expiresInSeconds: 600 });
    const stillOld = await env.SECOND_FACTOR.verify({ user, code: await code(secret, 1) });
    expect(stillOld).toMatchObject({ ok: true });
  });

  it("LG-02 the record names the caller of the binding, and the user's address", async () => {
    const { user, secret } = await enrolled();
    await env.SECOND_FACTOR.verify({ user, code: await wrongCode(secret), ip: "198.51.100.7" });
    const [event] = await listEvents("second_factor.refused");
    expect(event).toMatchObject({ actor: "rpc:checkout", client_address: "198.51.100.7", realm: "shop" });
  });

  it("a receipt names user and action, and verifies with the public keys", async () => {
    const { user, secret } = await enrolled();
    const answer = await env.SECOND_FACTOR.verify({
      user,
      code: await code(secret),
      action: "pay",
      nonce: "n1",
    });
    if (!answer.ok) throw new Error(answer.code);
    const jwks = (await new Client().call("/.well-known/jwks.json")).json;
    const { payload } = await jwtVerify(answer.receipt, createLocalJWKSet(jwks), {
      audience: "shop",
      issuer: "urn:sallyport",
      typ: "sallyport-receipt+jwt",
    });
    expect(payload).toMatchObject({ sub: user, action: "pay", nonce: "n1", amr: ["otp"] });
  });
});

describe("the caller", () => {
  it("is refused without props", async () => {
    const lines = collectLogLines();
    expect(await env.UNKNOWN_CALLER.status({ user: "42" })).toEqual({ ok: false, code: "forbidden" });
    expect(lines.join("\n")).toContain("rpc.unknown_caller");
    vi.restoreAllMocks();
  });

  it.each([
    [null],
    [{}],
    [{ realm: "Shop!", caller: "x" }],
    [{ realm: "shop" }],
    [{ realm: "shop", caller: "a b" }],
  ])("is refused with props %j", async (props) => {
    const status = await withBindings({}, (rpc) => rpc.status({ user: "42" }), props);
    expect(status).toEqual({ ok: false, code: "forbidden" });
  });

  it("WB-09 never reaches another realm's users", async () => {
    const { user, secret } = await enrolled();
    const other = { realm: "other", caller: "x" };
    const asOther = <T>(call: (rpc: SecondFactor) => Promise<T>) => withBindings({}, call, other);
    expect(await asOther((rpc) => rpc.status({ user }))).toEqual({ ok: false, code: "not_found" });
    expect(await asOther((rpc) => rpc.status({ user: `shop:${user}` }))).toMatchObject({ code: "not_found" });
    const right = await code(secret);
    expect(await asOther((rpc) => rpc.verify({ user, code: right }))).toMatchObject({ code: "not_found" });
    expect(await asOther((rpc) => rpc.confirm({ user, code: right }))).toMatchObject({ code: "not_found" });
    expect(await countEvaluated()).toMatchObject({ refused: 0 });
  });
});

describe("what is asked", () => {
  it.each([
    ["status", {}, "user"],
    ["status", { user: "" }, "user"],
    ["status", { user: "x", more: 1 }, "more"],
    ["verify", { user: "42", cod: "123456" }, "cod"],
    ["status", null, ""],
    ["verify", { user: "42", code: "12345" }, "code"],
    ["verify", { user: "42", code: 123456 }, "code"],
    ["verify", { user: "42", code: "123456", ip: "not an address" }, "ip"],
    ["verify", { user: "42", code: "123456", action: "" }, "action"],
    ["confirm", { user: "42", code: "7K3F-9QWX" }, "code"],
    ["enrol", { user: "42", email: "nobody" }, "email"],
    ["session", { token: 1 }, "token"],
  ] as const)("%s refuses %j by the field", async (method, question, field) => {
    const answer = await withBindings({}, (rpc): Promise<unknown> => rpc[method](question as never));
    expect(answer).toEqual({ ok: false, code: "invalid_format", field, detail: expect.stringMatching(/\S/) });
  });

  it("TH-01 codes stand under the account's budget, with the time to wait", async () => {
    const { user, secret } = await enrolled();
    for (let i = 0; i < 5; i++) {
      const answer = await env.SECOND_FACTOR.verify({ user, code: await wrongCode(secret, i) });
      expect(answer).toEqual({ ok: false, code: "invalid_code" });
    }
    const right = await env.SECOND_FACTOR.verify({ user, code: await code(secret) });
    expect(right).toEqual({ ok: false, code: "too_many_attempts", retryAfterSeconds: 60 });
  });

  it("OTP-11 fifty parallel verifies with one right code are one success", async () => {
    const { user, secret } = await enrolled();
    const right = await code(secret);
    const answers = await withBindings({ DB: delayD1(env.DB, 20) }, (rpc) =>
      Promise.all(Array.from({ length: 50 }, () => rpc.verify({ user, code: right }))),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("verify costs one read and one batch, status one read", async () => {
    const { user, secret } = await enrolled();
    const { db, trips } = countTrips(env.DB);
    const right = await code(secret);
    await withBindings({ DB: db }, (rpc) => rpc.verify({ user, code: right }));
    expect(trips).toEqual({ reads: 1, batches: 1 });
    await withBindings({ DB: db }, (rpc) => rpc.status({ user }));
    expect(trips).toEqual({ reads: 2, batches: 1 });
  });
});

describe("sessions", () => {
  const local = { realm: "local", caller: "shop-front" };

  it("names the signed-in account, without I/O while the token is fresh", async () => {
    const account = await createEnrolledAccount();
    const client = new Client();
    const { session_token: pending } = (await client.login(account)).json;
    const body = { session_token: pending, code: await code(account.secret) };
    const { session_token: token } = (await client.post("/totp/verify", body)).json;
    const { db, trips } = countTrips(env.DB);
    const fresh = await withBindings({ DB: db }, (rpc) => rpc.session({ token }), local);
    expect(fresh).toMatchObject({ ok: true, aal: 2, user: { id: account.id }, renewedToken: null });
    expect(trips).toEqual({ reads: 0, batches: 0 });

    const asked = await withBindings(
      { DB: db, SESSION_RECHECK: "0" },
      (rpc) => rpc.session({ token }),
      local,
    );
    expect(asked).toMatchObject({ ok: true, renewedToken: expect.any(String) });
    expect(trips).toEqual({ reads: 0, batches: 1 });

    await client.post("/logout", {}, { token });
    const ended = await withBindings({ SESSION_RECHECK: "0" }, (rpc) => rpc.session({ token }), local);
    expect(ended).toEqual({ ok: false, code: "session_expired" });
    const foreign = await withBindings({}, (rpc) => rpc.session({ token }));
    expect(foreign).toEqual({ ok: false, code: "session_expired" });
    const notFull = await withBindings({}, (rpc) => rpc.session({ token: pending }), local);
    expect(notFull).toEqual({ ok: false, code: "session_expired" });
  });
});

describe("when something fails", () => {
  it("WB-13 a store that does not answer is a refusal, and nothing is thrown", async () => {
    const { user, secret } = await enrolled();
    const right = await code(secret);
    const answer = await withBindings({ DB: failAlways(env.DB) }, (rpc) => rpc.verify({ user, code: right }));
    expect(answer).toEqual({ ok: false, code: "store_unavailable", retryAfterSeconds: 5 });
    expect(await env.SECOND_FACTOR.verify({ user, code: right })).toMatchObject({ ok: true });
  });

  it("a configuration that is not valid is a refusal", async () => {
    const answer = await withBindings({ KEYRING: "no" }, (rpc) => rpc.status({ user: "42" }));
    expect(answer).toEqual({ ok: false, code: "internal_error" });
  });

  it.each([
    "wrong_code",
    "replayed_code",
    "second_factor_disabled",
    "account_disabled",
    "no_such_user",
    "already_enabled",
    "not_enabled",
    "enrolment_expired",
    "user_exists",
    "session_over",
    "field_unreadable",
  ] as const)("%s has the code that HTTP gives it", (reason) => {
    const failure: Failure = { ok: false, reason };
    expect(toRpcFailure(failure).code).toBe(toProblem(failure).code);
  });
});
