import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken, verify } from "../support/accounts.ts";
import { freezeReplica } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { openPendingSessions } from "../support/pending.ts";
import { countEvaluated, listSessionRows, query, readUser } from "../support/rows.ts";
import {
  type Account,
  Client,
  code,
  createAccount,
  environment,
  pendingToken,
  wrongCode,
} from "../support/worker.ts";

useFreshWorker();

/** A client whose nearest copy of the database knows what has happened until now, and nothing later. */
const behind = async () => new Client(environment({ DB: await freezeReplica(env.DB) }));

/** Gives an account the password of another one, on the primary. */
const changePassword = (account: Pick<Account, "id">, like: Pick<Account, "id">) =>
  query(
    "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE id = ?) WHERE id = ?",
    like.id,
    account.id,
  );

describe("a copy of the database that is behind opens nothing", () => {
  it("OTP-09 for a TOTP code that it does not know to be spent", async () => {
    const account = await createReadyAccount();
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    const client = await behind();
    const text = await code(account.secret);
    expect((await verify(first, text)).status).toBe(200);
    expect((await verify(second, text, {}, client)).json.code).toBe("invalid_code");
    expect(await countEvaluated()).toEqual({ accepted: 1, refused: 0, replayed: 1 });
  });

  it("BC-01 for a backup code that it does not know to be spent, and costs the owner nothing", async () => {
    const account = await createReadyAccount();
    const [first = "", second = "", third = ""] = await openPendingSessions(account, 3);
    const client = await behind();
    const [spent, unspent] = account.backupCodes;
    expect((await verify(first, spent)).status).toBe(200);
    expect((await verify(second, spent, {}, client)).json.code).toBe("invalid_code");
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
    const answer = await verify(third, unspent, {}, client);
    expect(answer.json.data).toEqual({ method: "backup_code", backup_codes_remaining: 8 });
  });

  it("TH-04 in a cool-down that it does not know of", async () => {
    const account = await createReadyAccount();
    const [first = "", second = ""] = await openPendingSessions(account, 2);
    const client = await behind();
    for (let i = 0; i < 5; i++) await verify(first, await wrongCode(account.secret, i));
    const answer = await verify(second, await code(account.secret), {}, client);
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([429, "60"]);
    const again = await verify(first, await code(account.secret), {}, client);
    expect(again.status).toBe(429);
  });

  it("TH-04 under a block of the first factor that it does not know of, when KV does not know of it either", async () => {
    const account = await createReadyAccount();
    await new Client().login({ ...account, password: "wrong password" });
    const client = await behind();
    await query("UPDATE throttles SET failures = 10, blocked_until = ?", Date.now() + 5000);
    for (const password of [account.password, "wrong password"]) {
      const answer = await client.login({ username: account.username, password });
      expect([answer.status, answer.headers.get("Retry-After")]).toEqual([429, "5"]);
    }
  });

  it("EN-14 as a full session when it does not know that the second factor is on", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const client = await behind();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    const login = await client.login(account);
    expect(login.json.status).toBe("totp_required");
    expect(await listSessionRows("full")).toHaveLength(1);
  });

  it("SE-11 of an account that it does not know to be disabled", async () => {
    const account = await createReadyAccount();
    const token = await pendingToken(account);
    const full = await fullToken(account);
    const client = await behind();
    await query("UPDATE users SET disabled_at = ?", Date.now());
    expect((await client.login(account)).json.code).toBe("invalid_credentials");
    expect((await verify(token, await code(account.secret), {}, client)).json.code).toBe("session_expired");
    const stepped = await client.post("/step-up", { code: await code(account.secret) }, { token: full });
    expect(stepped.json.code).toBe("session_expired");
  });

  it("SE-06 for a session that it does not know to be over", async () => {
    const account = await createReadyAccount();
    const [full, pending] = [await fullToken(account), await pendingToken(account)];
    const client = await behind();
    for (const token of [full, pending]) await new Client().post("/logout", {}, { token });
    const text = await code(account.secret);
    expect((await verify(pending, text, {}, client)).json.code).toBe("session_expired");
    for (const path of ["/step-up", "/backup-codes"]) {
      expect((await client.post(path, { code: text }, { token: full })).json.code).toBe("session_expired");
    }
    expect((await countEvaluated()).accepted).toBe(1);
  });

  it("EN-02 for disabling it with a password that has been changed since", async () => {
    const account = await createReadyAccount();
    const other = await createAccount("bob", "another password");
    const token = await fullToken(account);
    const client = await behind();
    await changePassword(account, other);
    const body = { code: await code(account.secret), password: account.password };
    const answer = await client.post("/totp/disable", body, { token });
    expect(answer).toMatchObject({ status: 401, json: { code: "invalid_credentials" } });
    expect((await readUser(account.id)).totp_enabled).toBe(1);
  });

  it("with a password that it does not know to be changed", async () => {
    const [ada, bob] = [await createAccount("ada"), await createAccount("bob", "another password")];
    const client = await behind();
    await changePassword(ada, bob);
    expect((await client.login(ada)).json.code).toBe("invalid_credentials");
    expect(await listSessionRows()).toEqual([]);
  });
});

describe("a copy of the database that is behind closes nothing", () => {
  it("to a sign-in that it has not heard of", async () => {
    const account = await createReadyAccount();
    const client = await behind();
    const token = await pendingToken(account);
    const answer = await verify(token, await code(account.secret), {}, client);
    expect(answer.json.data).toEqual({ method: "totp", backup_codes_remaining: 10 });
  });

  it("to the codes of a secret that it has not heard of", async () => {
    const account = await createReadyAccount();
    const token = await fullToken(account);
    const client = await behind();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    const answer = await client.post("/step-up", { code: await code(secret, 1) }, { token });
    expect(answer.status).toBe(200);
    expect((await readUser(account.id)).second_factor_failures).toBe(0);
  });

  it("to a program that sets up and confirms at once", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const client = await behind();
    const { secret } = (await client.post("/totp/setup", {}, { token })).json.data;
    const enabled = await client.post("/totp/enable", { code: await code(secret) }, { token });
    expect([enabled.status, enabled.json.code]).toEqual([200, undefined]);
  });

  it("to a program that shows the second factor which it has just set up", async () => {
    const account = await createAccount();
    const token = (await new Client().login(account)).json.session_token;
    const client = await behind();
    const { secret } = (await new Client().post("/totp/setup", {}, { token })).json.data;
    await new Client().post("/totp/enable", { code: await code(secret) }, { token });
    const stepped = await client.post("/step-up", { code: await code(secret, 1) }, { token });
    expect([stepped.status, stepped.json.code]).toEqual([200, undefined]);
  });

  it("to the owner of an account that it has not heard of", async () => {
    const client = await behind();
    const account = await createAccount();
    expect((await client.login(account)).status).toBe(200);
    expect(await query("SELECT failures FROM throttles")).toEqual([]);
  });

  it("to a password that it has not heard of", async () => {
    const [ada, bob] = [await createAccount("ada"), await createAccount("bob", "another password")];
    const client = await behind();
    await changePassword(ada, bob);
    expect((await client.login({ username: "ada", password: "another password" })).status).toBe(200);
  });
});
