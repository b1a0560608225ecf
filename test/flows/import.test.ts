import { describe, expect, it, vi } from "vitest";
import { sha256BackupCode } from "../../src/core/crypto/backup-code-hashes.ts";
import { hashPassword } from "../../src/core/crypto/password-hash.ts";
import { computeTimeStep } from "../../src/core/crypto/totp.ts";
import { visible } from "../support/accounts.ts";
import { operator } from "../support/backend.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile, rfcSecret } from "../support/import-export.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, listEvents, query, readUser } from "../support/rows.ts";
import { Client, code, codeOfStep } from "../support/worker.ts";
import vectors from "../vectors/rfc6238-appendix-b.json";

useFreshWorker();

const realm = "shop";
const shop = { realm };
const verify = (id: string, given: string, of = realm) =>
  operator().post(`/v1/users/${encodeURIComponent(id)}/verify?realm=${of}`, { code: given });
const status = async (id: string, of = realm) =>
  (await operator().get(`/v1/users/${encodeURIComponent(id)}?realm=${of}`)).json.data;

/** What a request came to, in short. */
const counts = ({ json }: { json: { data: Record<string, unknown> } }) => {
  const { created, unchanged, failed, lines, next_line } = json.data;
  return { created, unchanged, failed, lines, next_line };
};
/** The code of the error of the one line that was sent. */
const errorOf = async (line: object | string): Promise<string | null> => {
  const { json } = await importFile(typeof line === "string" ? line : fileOf(line), shop);
  return json.data.errors[0]?.code ?? null;
};
const manyUsers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: String(index),
    username: `user-${index}`,
    secret: rfcSecret,
  }));

describe("an imported authenticator", () => {
  it("OTP-01 OTP-04 of the RFC's seed gives the RFC's codes, at six digits", async () => {
    expect(vectors.rows).toHaveLength(6);
    vi.setSystemTime(0);
    await importFile(fileOf({ id: "42", username: "ada", secret: rfcSecret }), shop);
    for (const { unixSeconds, code: published } of vectors.rows) {
      vi.setSystemTime(unixSeconds * 1000);
      const answer = await verify("42", published.slice(-6));
      expect(answer.status, answer.text).toBe(200);
    }
  });

  it("OTP-05 has to have 128 bits, or 80 and the operator's word for it", async () => {
    const bits = {
      72: "JBSWY3DPEHPK3PI",
      80: "JBSWY3DPEHPK3PXP",
      120: "JBSWY3DPEHPK3PXPJBSWY3DP",
      128: "JBSWY3DPEHPK3PXPJBSWY3DPEE",
    };
    expect(await errorOf({ id: "128", secret: bits[128] })).toBeNull();
    expect(await errorOf({ id: "a", secret: bits[120] })).toBe("weak_secret");
    expect(await errorOf({ id: "a", secret: bits[80] })).toBe("weak_secret");
    expect(await errorOf({ id: "a", secret: bits[80], allow_weak: false })).toBe("weak_secret");
    expect(await errorOf({ id: "a", secret: bits[72], allow_weak: true })).toBe("weak_secret");
    expect(await query("SELECT id FROM users")).toEqual([{ id: "shop:128" }]);
    expect(await errorOf({ id: "a", secret: bits[80], allow_weak: true })).toBeNull();
    expect((await verify("a", await code(bits[80]))).status).toBe(200);
  });

  it("OTP-07 URI-03 is SHA-1, 6 digits and 30 s, and no other is taken", async () => {
    const uri = `otpauth://totp/Shop:Ada?secret=${rfcSecret}`;
    for (const other of ["&period=60", "&period=120", "&digits=8", "&algorithm=SHA256"]) {
      expect(await errorOf({ id: "1", otpauth: uri + other })).toBe("unsupported_parameters");
    }
    expect(await errorOf({ id: "1", otpauth: uri.replace("totp/", "hotp/") })).toBe("unsupported_parameters");
    expect(await query("SELECT id FROM users")).toEqual([]);
    expect(await errorOf({ id: "1", otpauth: `${uri}&period=30&digits=6&algorithm=SHA1` })).toBeNull();
  });

  it("comes as a URI, whose label names the user where nothing else does", async () => {
    const uri = `otpauth://totp/Shop:Ada%20L?secret=${rfcSecret}&issuer=Shop`;
    await importFile(
      fileOf({ otpauth: uri }, { id: "7", username: "bob", otpauth: uri }, { id: "Carol" }),
      shop,
    );
    const names = await query("SELECT username FROM users ORDER BY username");
    expect(names).toEqual([{ username: "ada l" }, { username: "bob" }, { username: "carol" }]);
    expect((await verify("7", await code(rfcSecret))).status).toBe(200);
  });

  it("OTP-09 does not take a code again that was used before the move", async () => {
    const step = computeTimeStep(new Date());
    const user = { id: "1", secret: rfcSecret, totp_last_step: step };
    expect(await errorOf(user)).toBeNull();
    expect((await verify("1", await codeOfStep(rfcSecret, step))).status).toBe(401);
    expect((await verify("1", await codeOfStep(rfcSecret, step - 1))).status).toBe(401);
    expect((await verify("1", await codeOfStep(rfcSecret, step + 1))).status).toBe(200);
    expect(await errorOf({ ...user, id: "2", totp_last_step: step + 11 })).toBe("invalid_format");
  });

  it("BC-01 comes with its backup codes, as hashes or as they are, the spent ones spent", async () => {
    const hash = (text: string) => sha256BackupCode(text);
    const hex = Buffer.from(await hash("22222222"), "base64url").toString("hex");
    const backup_codes = [await hash("11111111"), hex, "3333-3333", `spent:${await hash("44444444")}`];
    expect(await errorOf({ id: "1", secret: rfcSecret, backup_codes })).toBeNull();
    expect((await status("1")).backup_codes_remaining).toBe(3);
    for (const unspent of ["11111111", "2222-2222", "33333333"]) {
      expect((await verify("1", unspent)).status).toBe(200);
      expect((await verify("1", unspent)).status).toBe(401);
    }
    const [replayed] = [await verify("1", "44444444"), await listEvents("second_factor.refused")];
    expect(replayed.status).toBe(401);
    expect(await listEvents("second_factor.refused")).toEqual([]);
  });

  it("works without backup codes", async () => {
    await importFile(fileOf({ id: "1", secret: rfcSecret }), shop);
    expect(await status("1")).toMatchObject({ totp_enabled: true, backup_codes_remaining: 0 });
    expect((await verify("1", await code(rfcSecret))).status).toBe(200);
  });

  it("INC-13 keeps the failures that it had", async () => {
    const until = new Date(Date.now() + 600_000).toISOString();
    await importFile(
      fileOf(
        { id: "1", secret: rfcSecret, second_factor_failures: 100 },
        { id: "2", secret: rfcSecret, second_factor_failures: 5, second_factor_blocked_until: until },
      ),
      shop,
    );
    expect((await verify("1", await code(rfcSecret))).json.code).toBe("second_factor_disabled");
    expect((await verify("2", await code(rfcSecret))).json.code).toBe("too_many_attempts");
  });
});

describe("an imported password", () => {
  it("CR-06 works where it can be verified here; any other is kept, and its owner needs a new one", async () => {
    const bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    const lines = fileOf(
      { username: "ada", password_hash: await hashPassword("correct horse battery") },
      { username: "bob", password_hash: bcrypt },
      { username: "carol" },
      { username: "dave", password_hash: "5f4dcc3b5aa765d61d8327deb882cf99" },
    );
    const { json } = await importFile(lines);
    expect(json.data.errors).toEqual([
      {
        line: 4,
        code: "invalid_format",
        detail: expect.stringMatching(
          /^password_hash: is of no known form\. Known: argon2, bcrypt, .* Firebase$/,
        ),
      },
    ]);
    expect(json.data).toMatchObject({
      reset_required: 1,
      notes: [{ line: 2, password: "reset_required", form: "bcrypt" }],
    });
    const users = (await operator().get("/v1/users")).json.data.users;
    const passwords = await Promise.all(
      users.map(async ({ id }: { id: string }) => (await status(id, "local")).password),
    );
    expect(passwords).toEqual(["set", "reset_required", "none"]);
    const [{ password_hash: kept } = {}] = await query<{ password_hash?: string }>(
      "SELECT password_hash FROM users WHERE username = 'bob'",
    );
    expect(kept).toBe(bcrypt);

    const client = new Client();
    const signIn = (username: string) => client.login({ username, password: "correct horse battery" });
    expect((await signIn("ada")).status).toBe(200);
    const [unverifiable, unknown] = [await signIn("bob"), await signIn("nobody")];
    expect(visible(unverifiable)).toEqual(visible(unknown));
    expect(unverifiable.json.code).toBe("invalid_credentials");
  });
});

describe("an imported password with scrypt parameters out of bounds", () => {
  it.each([
    ["ln=20,r=1,p=1", "scrypt: N must be below 2^(16·r)"],
    ["ln=1,r=524288,p=1", "scrypt: r must be from 1 to 32"],
    ["ln=1,r=1,p=524288", "scrypt: p must be from 1 to 64"],
    ["ln=25,r=8,p=1", "scrypt: logN must be from 1 to 24"],
  ])("INC-30 is refused with the bound that it breaks: %s", async (parameters, detail) => {
    const password_hash = `$scrypt$${parameters}$${"A".repeat(22)}$${"A".repeat(43)}`;
    const { json } = await importFile(fileOf({ username: "ada", password_hash }, { username: "bob" }));
    expect(json.data).toMatchObject({ created: 1, failed: 1 });
    expect(json.data.errors).toEqual([
      { line: 1, code: "unsupported_parameters", detail: `password_hash: ${detail}` },
    ]);
  });

  it("INC-30 is kept for a reset where it is scrypt that costs more than is done here", async () => {
    const password_hash = `$scrypt$ln=17,r=8,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;
    const { json } = await importFile(fileOf({ id: "1", password_hash }));
    expect(json.data).toMatchObject({ created: 1, failed: 0 });
    expect((await status("1", "local")).password).toBe("reset_required");
  });
});

describe("the lines of an import", () => {
  it("are reported by their numbers, whatever stands between them", async () => {
    const file = [
      `\uFEFF${JSON.stringify({ id: "1" })}`,
      "",
      "   ",
      `${JSON.stringify({ id: "2" })}\r`,
      "\r",
      "not json",
      JSON.stringify({ id: "1" }),
      JSON.stringify({ id: "3", email: null, otpauth: null }),
    ].join("\n");
    const answer = await importFile(file, shop);
    expect(answer.status).toBe(200);
    expect(answer.json.data).toEqual({
      lines: 8,
      created: 3,
      unchanged: 1,
      failed: 1,
      next_line: 9,
      errors: [{ line: 6, code: "malformed_request", detail: "This is not JSON." }],
      reset_required: 0,
      notes: [],
      dry_run: false,
    });
  });

  it("count on from first_line", async () => {
    const { json } = await importFile('{"id":"1"}\n{"id":1}\n', { ...shop, query: "first_line=5001" });
    expect(json.data).toMatchObject({ lines: 2, next_line: 5003, errors: [{ line: 5002 }] });
  });

  it.each([
    ["not an object", '["id"]', "malformed_request"],
    ["nothing", "null", "malformed_request"],
    ["two objects", '{"id":"1"}{"id":"2"}', "malformed_request"],
    ["cut off", '{"id":"1"', "malformed_request"],
    ["with a name twice", '{"id":"1","id":"2"}', "malformed_request"],
    ["with a name that is a trap", '{"id":"1","__proto__":{"x":1}}', "malformed_request"],
    ["with a field that is not known", '{"id":"1","role":"admin"}', "malformed_request"],
    ["with a realm of its own", '{"id":"1","realm":"bank"}', "malformed_request"],
    ["longer than 16 KiB", `{"id":"1","email":"${"x".repeat(17_000)}"}`, "malformed_request"],
    ["without a name", '{"email":"a@x.y"}', "invalid_format"],
    ["with a number for an id", '{"id":1}', "invalid_format"],
    ["with a space in its id", '{"id":"a b"}', "invalid_format"],
    ["with a name that can't be one", '{"username":"a\\u0000b"}', "invalid_format"],
    ["with a line break in its address", '{"id":"1","email":"a@x.y\\n"}', "invalid_format"],
    ["with half a surrogate pair", '{"id":"1","email":"\\ud800"}', "invalid_format"],
    [
      "with a secret that is not base32",
      '{"id":"1","secret":"10101010101010101010101010"}',
      "invalid_format",
    ],
    ["with a secret of 129 bytes", `{"id":"1","secret":"${"A".repeat(207)}"}`, "invalid_format"],
    [
      "with two secrets",
      `{"id":"1","secret":"${rfcSecret}","otpauth":"otpauth://totp/a?secret=${rfcSecret}"}`,
      "invalid_format",
    ],
    ["with a URI that is none", '{"id":"1","otpauth":"https://x.y"}', "invalid_format"],
    ["with a local time", '{"id":"1","created_at":"2026-11-22T09:30:00"}', "invalid_format"],
    ["with a day that is not", '{"id":"1","created_at":"2026-02-30T09:30:00Z"}', "invalid_format"],
    ["with a step below nought", `{"id":"1","secret":"${rfcSecret}","totp_last_step":-1}`, "invalid_format"],
    ["with half a step", `{"id":"1","secret":"${rfcSecret}","totp_last_step":0.5}`, "invalid_format"],
    ["with a setup of no secret", '{"id":"1","totp_setup_at":"2026-11-22T09:30:00Z"}', "invalid_format"],
    ["with backup codes of no secret", '{"id":"1","backup_codes":["1111-1111"]}', "invalid_format"],
    [
      "with a backup code of another form",
      `{"id":"1","secret":"${rfcSecret}","backup_codes":["123456"]}`,
      "invalid_format",
    ],
    [
      "with a backup code twice",
      `{"id":"1","secret":"${rfcSecret}","backup_codes":["1111-1111","LLLLLLLL"]}`,
      "invalid_format",
    ],
    [
      "with 51 backup codes",
      `{"id":"1","secret":"${rfcSecret}","backup_codes":${JSON.stringify(Array(51).fill("1"))}}`,
      "invalid_format",
    ],
    ["with 101 failures", `{"id":"1","second_factor_failures":101}`, "invalid_format"],
  ])("are refused one by one: %s", async (_what, line, refusal) => {
    const answer = await importFile(`${line}\n${fileOf({ id: "after" })}`, shop);
    expect(answer.json.data).toMatchObject({ created: 1, failed: 1, errors: [{ line: 1, code: refusal }] });
    expect(await query("SELECT id FROM users")).toEqual([{ id: "shop:after" }]);
    expect(await listEvents("user.imported")).toHaveLength(1);
  });

  it("are refused where they are not UTF-8", async () => {
    const bytes = new Uint8Array([
      ...new TextEncoder().encode('{"id":"'),
      0xc3,
      0x28,
      ...new TextEncoder().encode('"}\n{"id":"2"}'),
    ]);
    expect((await importFile(bytes, shop)).json.data).toMatchObject({
      created: 1,
      errors: [{ line: 1, code: "malformed_request", detail: "The line is not UTF-8." }],
    });
  });

  it("LG-03 are never repeated in what is said of them", async () => {
    const secrets = [rfcSecret, "hunter2hunter2", "99999999", "me@x.y"];
    const answer = await importFile(
      [
        { id: "1", secret: `${rfcSecret}!`, email: "me@x.y" },
        { id: "2", password_hash: "hunter2hunter2" },
        { id: "3", secret: rfcSecret, backup_codes: ["99999999U"] },
        { id: "4", otpauth: `otpauth://totp/me@x.y?secret=${rfcSecret}&digits=99999999` },
        { id: "5", [rfcSecret]: "hunter2hunter2" },
        { id: "6", created_at: "99999999" },
      ]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(""),
      shop,
    );
    expect(answer.json.data.failed).toBe(6);
    for (const secret of secrets) expect(answer.text).not.toContain(secret);
  });

  it("are all counted, of however many the first hundred failures are told", async () => {
    const file = `${"x\n".repeat(250)}${fileOf({ id: "1" })}`;
    const { json } = await importFile(file, shop);
    expect(counts({ json })).toEqual({ lines: 251, created: 1, unchanged: 0, failed: 250, next_line: 252 });
    expect(json.data.errors).toHaveLength(100);
  });
});

/** Everything but the counter that each request to import moves. */
async function dumpAccounts() {
  const { throttles: _, ...tables } = await dumpDatabase();
  return tables;
}

describe("a user who exists already", () => {
  const ada = {
    id: "42",
    username: "ada",
    email: "ada@x.y",
    secret: rfcSecret,
    backup_codes: ["1111-1111", "2222-2222"],
    totp_last_step: 5,
    password_hash: "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    totp_setup_at: "2026-01-02T03:04:05.678Z",
    created_at: "2020-01-02T03:04:05Z",
    disabled_at: "2026-03-04T05:06:07Z",
  };

  it("stays unchanged, however often the file is sent", async () => {
    const file = fileOf(ada, ...manyUsers(30));
    expect(counts(await importFile(file, shop))).toMatchObject({ created: 31, unchanged: 0, failed: 0 });
    const before = await dumpAccounts();
    expect(await readUser("shop:42")).toMatchObject({
      totp_last_step: 5,
      totp_setup_at: Date.parse(ada.totp_setup_at),
      created_at: Date.parse(ada.created_at),
      disabled_at: Date.parse(ada.disabled_at),
    });
    expect(counts(await importFile(file, shop))).toMatchObject({ created: 0, unchanged: 31, failed: 0 });
    expect(await dumpAccounts()).toEqual(before);
  });

  it.each([
    ["name", { username: "eve" }],
    ["address", { email: "eve@x.y" }],
    ["secret", { secret: rfcSecret.replace("G", "H") }],
    ["backup codes", { backup_codes: ["1111-1111", "3333-3333"] }],
    ["number of backup codes", { backup_codes: ["1111-1111"] }],
    ["spent code", { backup_codes: [`spent:${"A".repeat(43)}`, "2222-2222"] }],
    ["later step", { totp_last_step: 6 }],
    ["password", { password_hash: "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWz" }],
    ["day of creation", { created_at: "2020-01-02T03:04:06Z" }],
    ["day of set-up", { totp_setup_at: "2026-01-02T03:04:05.679Z" }],
    ["day of closing", { disabled_at: "2026-03-04T05:06:08Z" }],
  ])("is a conflict with another %s, and stays unchanged", async (_what, other) => {
    await importFile(fileOf(ada), shop);
    const before = await dumpAccounts();
    expect(await errorOf({ ...ada, ...other })).toBe("conflict");
    expect(await dumpAccounts()).toEqual(before);
  });

  it("is a conflict for another user with the same name", async () => {
    await importFile(fileOf({ id: "1", username: "ada" }), shop);
    expect(await errorOf({ id: "2", username: "ADA" })).toBe("conflict");
    expect(await errorOf({ username: " ada " })).toBeNull();
    expect(await query("SELECT id FROM users")).toEqual([{ id: "shop:1" }]);
  });

  it("is the same user after a use of the imported data", async () => {
    const { disabled_at: _, ...open } = ada;
    const cheap = "$scrypt$ln=4,r=8,p=1$c29tZXNhbHRzb21lc2FsdA$";
    const line = { ...open, password_hash: `${cheap}${"A".repeat(43)}` };
    await importFile(fileOf(line), shop);
    expect((await verify("42", await code(rfcSecret))).status).toBe(200);
    expect((await verify("42", "11111111")).status).toBe(200);
    // What a sign-in would have made of the hash.
    await query(
      "UPDATE users SET password_hash = ? WHERE id = 'shop:42'",
      await hashPassword("new password of ada"),
    );
    expect(counts(await importFile(fileOf(line), shop))).toMatchObject({ unchanged: 1, failed: 0 });
  });

  it("is a conflict where the second factor is another one by now, or none", async () => {
    await importFile(fileOf({ id: "1", secret: rfcSecret }), shop);
    await operator().post(`/v1/users/1/reset?realm=${realm}`);
    expect(await errorOf({ id: "1", secret: rfcSecret })).toBe("conflict");
    expect(await errorOf({ id: "1" })).toBeNull();
  });

  it("is distinguished from others of the same file, which wait for the first of them", async () => {
    const { json } = await importFile(
      fileOf(
        { id: "1", username: "ada" },
        { id: "1", username: "ada" },
        { id: "2", username: "ada" },
        { id: "1", username: "bob" },
        { id: "shop:1", username: "carol" },
        { username: "ada" },
      ),
      shop,
    );
    expect(counts({ json })).toMatchObject({ created: 2, unchanged: 2, failed: 2 });
    expect(json.data.errors.map(({ line }: { line: number }) => line)).toEqual([3, 4]);
  });

  it("CR-02 is rejected and recorded where the user's envelope does not open", async () => {
    collectLogLines();
    await importFile(fileOf(ada), shop);
    await query("UPDATE users SET totp_secret = replace(totp_secret, 'v1.', 'v1.x')");
    expect(await errorOf(ada)).toBe("store_unavailable");
    expect(await listEvents("integrity.failed")).toHaveLength(1);
  });
});
