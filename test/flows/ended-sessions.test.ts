import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, signInWith, verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, cookieValue, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mockOrigin, visit } from "../support/gate.ts";
import { listEvents, listSessionRows, query } from "../support/rows.ts";
import { asBrowser, expectActive, expectEnded, readSession } from "../support/sessions.ts";
import { Client, code, createAccount, environment, pendingToken } from "../support/worker.ts";

useFreshWorker();

describe("the end of a session", () => {
  it("SE-06 by signing out is at once under the base path", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const out = await new Client().post("/logout", {}, { token });
    expect(out.json).toEqual({ status: "success", message: "Signed out" });
    for (const path of ["/session", "/sessions", "/totp"]) {
      expect((await new Client().call(path, { token })).json.code).toBe("session_expired");
    }
    const text = await code(account.secret);
    for (const [path, body] of [
      ["/totp/setup", {}],
      ["/step-up", { code: text }],
      ["/backup-codes", { code: text }],
      ["/totp/disable", { code: text, password: account.password }],
    ] as const) {
      const answer = await new Client().post(path, body, { token });
      expect([path, answer.status, answer.json.code]).toEqual([path, 401, "session_expired"]);
    }
    const page = await new Client().call("/account", asBrowser(token));
    expect([page.status, page.headers.get("Location")]).toEqual([
      303,
      "/api/auth/sign-in?rd=%2Fapi%2Fauth%2Faccount",
    ]);
    expect((await signInWith(account, text)).status).toBe(200);
  });

  it("SE-06 by signing out is within SESSION_RECHECK at the gate, and renews nothing", async () => {
    const token = await fullToken(await createReadyAccount());
    await readSession(token);
    const issuedAgo = 30;
    await new Client().post("/logout", {}, { token });
    const origin = mockOrigin();
    advance(60 - issuedAgo - 1);
    expect((await visit(gated(), "/", { session: token })).status).toBe(200);
    advance(1);
    const answer = await visit(gated(), "/", { session: token });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
    expect(origin.requests).toHaveLength(1);
  });

  it("SE-06 by signing out is at once at the gate, too, where SESSION_RECHECK is 0", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    const bindings = gated([], { SESSION_RECHECK: "0" });
    expect((await visit(bindings, "/", { session: token })).status).toBe(200);
    await new Client().post("/logout", {}, { token });
    expect((await visit(bindings, "/", { session: token })).status).toBe(401);
    expect(origin.requests).toHaveLength(1);
  });

  it("SE-06 by signing out ends every session that the request carries, and no other one", async () => {
    const account = await createReadyAccount();
    const [full, kept] = [await fullToken(account), await fullToken(account)];
    const pending = await pendingToken(account);
    const headers = browserHeaders({ [sessionCookieName]: full, [pendingCookieName]: pending });
    expect((await new Client().post("/logout", {}, { headers })).status).toBe(200);
    await expectEnded(full);
    expect((await verify(pending, await code(account.secret))).status).toBe(401);
    await expectActive(kept);
    expect((await new Client().post("/logout", {})).json.code).toBe("unauthenticated");
  });

  it("SE-07 comes after an hour without use", async () => {
    const token = await fullToken(await createReadyAccount());
    advance(3569);
    await expectActive(token);
    advance(3599);
    await expectActive(token);
    advance(3600);
    await expectEnded(token);
    // Asking did not wake it.
    await expectEnded(token);
    expect((await new Client().call("/sessions", { token })).status).toBe(401);
  });

  it("SE-07 comes after an hour without use at the gate, and not while it is used there", async () => {
    const token = await fullToken(await createReadyAccount());
    const origin = mockOrigin();
    for (let i = 0; i < 3; i++) {
      advance(3500);
      expect((await visit(gated(), "/", { session: token })).status).toBe(200);
    }
    advance(3600);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
    expect(origin.requests).toHaveLength(3);
  });

  it("SE-07 comes after twelve hours, however much it is used, under the base path and at the gate", async () => {
    const account = await createReadyAccount();
    let token = (await signInWith(account, await code(account.secret))).json.session_token;
    mockOrigin();
    for (let waited = 0; waited < 42_000; waited += 3000) {
      advance(3000);
      const answer = await new Client().call("/session", asBrowser(token));
      token = cookieValue(answer, sessionCookieName) ?? "";
    }
    advance(1199);
    await expectActive(token);
    const recent =
      cookieValue(await new Client().call("/session", asBrowser(token)), sessionCookieName) ?? "";
    expect((await visit(gated(), "/", { session: recent })).status).toBe(200);
    advance(1);
    await expectEnded(recent);
    expect((await visit(gated(), "/", { session: recent })).status).toBe(401);
  });

  it("SE-07 comes when the operator has decided that it comes", async () => {
    const account = await createReadyAccount();
    const worker = new Client(
      environment({ SESSION_MAX_AGE: "600", SESSION_IDLE: "120", SESSION_RECHECK: "0" }),
    );
    const pending = await pendingToken(account, worker);
    const idle = (await verify(pending, account.backupCodes[0], {}, worker)).json.session_token;
    const again = await pendingToken(account, worker);
    const used = (await verify(again, account.backupCodes[1], {}, worker)).json.session_token;
    for (let i = 0; i < 5; i++) {
      advance(119);
      expect((await readSession(used, worker)).status).toBe(200);
    }
    expect((await readSession(idle, worker)).status).toBe(401);
    advance(4);
    expect((await readSession(used, worker)).status).toBe(200);
    advance(1);
    expect((await readSession(used, worker)).status).toBe(401);
  });

  it("SE-07 comes by the store's time as well as by the token's", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await query("UPDATE sessions SET expires_at = ?", Date.now());
    await expectEnded(token);
    const answer = await new Client().post("/step-up", { code: await code(account.secret) }, { token });
    expect(answer.json.code).toBe("session_expired");
    mockOrigin();
    advance(60);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
  });

  it("SE-11 comes at once when its account is disabled, and at the gate within SESSION_RECHECK", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const pending = await pendingToken(account);
    const origin = mockOrigin();
    await query("UPDATE users SET disabled_at = ? WHERE id = ?", Date.now(), account.id);
    for (const path of ["/session", "/sessions", "/totp"]) {
      expect((await new Client().call(path, { token })).status).toBe(401);
    }
    const text = await code(account.secret);
    expect((await verify(pending, text)).json.code).toBe("session_expired");
    expect((await new Client().post("/step-up", { code: text }, { token })).json.code).toBe(
      "session_expired",
    );
    expect((await new Client().post("/totp/setup", {}, { token })).json.code).toBe("session_expired");
    advance(60);
    expect((await visit(gated(), "/", { session: token })).status).toBe(401);
    expect(origin.requests).toEqual([]);
    expect(await listEvents("second_factor.accepted")).toHaveLength(1);
  });

  it.each([
    ["idle", () => advance(3600)],
    ["disabled with its account", () => query("UPDATE users SET disabled_at = ?", Date.now())],
  ])("SE-07 SE-11 is the end of asking for the password in it, too: %s", async (_, end) => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    await end();
    for (const password of [account.password, "wrong password"]) {
      const body = { code: await code(account.secret), password };
      const answer = await new Client().post("/totp/disable", body, { token });
      expect([password, answer.status, answer.json.code]).toEqual([password, 401, "session_expired"]);
    }
    expect(await listEvents("first_factor.refused")).toEqual([]);
  });

  it("SE-11 comes when its row is gone", async () => {
    const token = await fullToken(await createReadyAccount());
    await query("DELETE FROM sessions");
    await expectEnded(token);
  });
});

describe("a person's sessions", () => {
  it("SE-10 are listed, each with what it takes to recognise it", async () => {
    const account = await createReadyAccount();
    const stranger = await createAccount("eve");
    await new Client().login(stranger);
    await pendingToken(account);
    const options = { address: "203.0.113.7", headers: { "User-Agent": "Firefox on Debian" } };
    const first = await signInWith(account, await code(account.secret), options);
    advance(100);
    const token = (await signInWith(account, account.backupCodes[0])).json.session_token;
    const listed = await new Client().call("/sessions", { token });
    expect(listed.json.data.sessions).toEqual([
      expect.objectContaining({ current: true, aal: 2, amr: ["pwd", "backup_code"] }),
      {
        id: expect.any(String),
        current: false,
        aal: 2,
        amr: ["pwd", "otp"],
        created_at: new Date(Date.now() - 100_000).toISOString(),
        last_seen_at: new Date(Date.now() - 100_000).toISOString(),
        expires_at: new Date(Date.now() + 43_100_000).toISOString(),
        client_address: "203.0.113.7",
        user_agent: "Firefox on Debian",
      },
    ]);
    // An id is no token: the list does not let its reader use the other sessions.
    const { sid } = decodeJwt(first.json.session_token);
    expect(listed.text).not.toContain(String(sid));
    for (const { id } of listed.json.data.sessions) await expectEnded(id);
  });

  it("SE-10 can be ended one by one, at once", async () => {
    const account = await createReadyAccount();
    const [first, second, token] = [
      await fullToken(account),
      await fullToken(account),
      await fullToken(account),
    ];
    const { sessions } = (await new Client().call("/sessions", { token: first })).json.data;
    const own = sessions.find(({ current }: { current: boolean }) => current);
    const ended = await new Client().call(`/sessions/${own.id}`, { method: "DELETE", token });
    expect(ended.json).toEqual({ status: "success", data: { ended: 1 } });
    await expectEnded(first);
    await expectActive(second);
    await expectActive(token);
    const again = await new Client().call(`/sessions/${own.id}`, { method: "DELETE", token });
    expect(again).toMatchObject({ status: 404, json: { code: "not_found" } });
    expect((await listEvents("session.ended")).map(({ session_id }) => session_id)).toEqual([own.id]);
  });

  it("SE-10 can be ended all but the own one, those that wait for a code as well", async () => {
    const account = await createReadyAccount();
    const stranger = (await new Client().login(await createAccount("eve"))).json.session_token;
    const [first, second, token] = [
      await fullToken(account),
      await fullToken(account),
      await fullToken(account),
    ];
    const pending = await pendingToken(account);
    const ended = await new Client().call("/sessions", { method: "DELETE", token });
    expect(ended.json).toEqual({ status: "success", data: { ended: 3 } });
    await expectEnded(first);
    await expectEnded(second);
    expect((await verify(pending, await code(account.secret))).status).toBe(401);
    await expectActive(token);
    await expectActive(stranger);
    expect(await listEvents("session.others_ended")).toHaveLength(1);
    const none = await new Client().call("/sessions", { method: "DELETE", token });
    expect(none.json.data).toEqual({ ended: 0 });
  });

  it("SE-10 can't be ended from a session that is over", async () => {
    const account = await createReadyAccount();
    const [dead, alive] = [await fullToken(account), await fullToken(account)];
    await new Client().post("/logout", {}, { token: dead });
    const [row] = await listSessionRows("full");
    for (const path of ["/sessions", `/sessions/${row?.id}`]) {
      expect((await new Client().call(path, { method: "DELETE", token: dead })).status).toBe(401);
    }
    await expectActive(alive);
  });

  it("SE-10 when the own one is ended, its cookies go", async () => {
    const token = await fullToken(await createReadyAccount());
    const [row] = await listSessionRows("full");
    const answer = await new Client().call(`/sessions/${row?.id}`, { method: "DELETE", ...asBrowser(token) });
    expect(answer.status).toBe(200);
    expect(cookieValue(answer, sessionCookieName)).toBe("");
    await expectEnded(token);
  });

  it("WB-09 of another account are not found, and go on", async () => {
    const ada = await createReadyAccount("ada");
    const eve = await createReadyAccount("eve");
    const victim = await fullToken(ada);
    const [row] = await listSessionRows("full");
    const waiting = await pendingToken(ada);
    const [pendingRow] = await listSessionRows("pending");
    const token = await fullToken(eve);
    for (const id of [row?.id, pendingRow?.id, ada.id, "nonsense", "%00", "..%2f"]) {
      const answer = await new Client().call(`/sessions/${id}`, { method: "DELETE", token });
      expect([id, answer.status]).toEqual([id, 404]);
    }
    const form = String(new URLSearchParams({ id: row?.id ?? "" }));
    const headers = {
      ...browserHeaders({ [sessionCookieName]: token }),
      "Content-Type": "application/x-www-form-urlencoded",
    };
    await new Client().call("/account/sessions/end", { method: "POST", body: form, headers });
    await expectActive(victim);
    expect((await verify(waiting, await code(ada.secret))).status).toBe(200);
    expect(await listEvents("session.ended")).toEqual([]);
    const listed = await new Client().call("/sessions", { token });
    expect(listed.json.data.sessions).toHaveLength(1);
  });
});
