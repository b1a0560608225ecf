import { describe, expect, it } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Client, code, createAccount, createEnrolledAccount, pendingToken } from "../support/worker.ts";

useFreshWorker();

describe("signing in through the JSON API", () => {
  it("completes the flow: password, set-up, code, session, sign-out", async () => {
    const account = await createAccount();
    const client = new Client();
    const login = await client.login(account);
    expect(login.json).toEqual({ status: "success", session_token: expect.any(String) });
    const token = login.json.session_token;

    const setup = await client.post("/totp/setup", {}, { token });
    expect(setup.json).toEqual({
      status: "success",
      data: {
        secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
        qr_code: expect.stringMatching(/^data:image\/svg\+xml;base64,/),
        provisioning_uri: expect.stringContaining("otpauth://totp/Sallyport:ada?secret="),
        expires_in: 600,
      },
    });
    const { secret } = setup.json.data;
    const enabled = await client.post("/totp/enable", { code: await code(secret, -1), secret }, { token });
    expect(enabled.json).toEqual({
      status: "success",
      message: "Two-factor authentication enabled",
      data: { backup_codes: expect.any(Array) },
    });
    expect(enabled.json.data.backup_codes).toHaveLength(10);

    const again = await client.login(account);
    expect(again.json).toEqual({
      status: "totp_required",
      session_token: expect.stringMatching(/^pending_/),
      expires_in: 300,
    });
    const body = { session_token: again.json.session_token, code: await code(secret) };
    const verified = await client.post("/totp/verify", body);
    expect(verified.json).toEqual({
      status: "success",
      session_token: expect.any(String),
      data: { method: "totp", backup_codes_remaining: 10 },
    });
    const session = await client.call("/session", { token: verified.json.session_token });
    expect(session.json.data).toMatchObject({ user: { username: "ada" }, aal: 2, amr: ["pwd", "otp"] });

    const out = await client.post("/logout", {}, { token: verified.json.session_token });
    expect(out.status).toBe(200);
    expect((await client.call("/session", { token: verified.json.session_token })).status).toBe(401);
  });

  it("takes a backup code in the place of a TOTP code, and says how many are left", async () => {
    const account = await createEnrolledAccount();
    const client = new Client();
    const body = { session_token: await pendingToken(account), code: account.backupCodes[3]?.toLowerCase() };
    const verified = await client.post("/totp/verify", body);
    expect(verified.json.data).toEqual({ method: "backup_code", backup_codes_remaining: 9 });
  });
});
