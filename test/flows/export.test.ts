import { env } from "cloudflare:workers";
import { compactDecrypt, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { ExportBroken, openExport } from "../../scripts/admin/open-export.ts";
import { createReadyAccount, signInWith } from "../support/accounts.ts";
import { createRealm, enrolBackendUser, operator, userPath } from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import {
  exportAll,
  fileOf,
  generateOperatorKey,
  importFile,
  type OperatorKey,
  requestExport,
  rfcSecret,
} from "../support/import-export.ts";
import { randomKey } from "../support/keyring.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, listEvents, query } from "../support/rows.ts";
import { Client, code, environment, resetStores } from "../support/worker.ts";

useFreshWorker();

/** Another deployment: an empty database, and keys that have opened nothing of the first. */
async function moveOut() {
  await resetStores();
  return environment({ KEYRING: `other:${randomKey()}` });
}

const headersOf = (sealed: string) =>
  sealed
    .split("\n")
    .filter(Boolean)
    .map((jwe) => JSON.parse(Buffer.from(jwe.split(".")[0] ?? "", "base64url").toString()));

describe("a realm that moves", () => {
  it("takes every authenticator along, into an empty database under other keys", async () => {
    const shop = await createRealm();
    const users = await Promise.all(
      ["1", "2", "a/b c".replace(" ", "+")].map((id) => enrolBackendUser(shop, id)),
    );
    await shop.put(userPath("plain"), { email: "plain@example.com" });
    await shop.post("/v1/users/2/disable");
    advance(90);
    const [one] = users;
    if (one === undefined) throw new Error("nobody was enrolled");
    const usedCode = await code(one.secret);
    const [usedBackupCode = "", freshBackupCode = ""] = one.backupCodes;
    for (const used of [usedCode, usedBackupCode]) expect((await shop.verify("1", used)).status).toBe(200);
    const { file, totals } = await exportAll({ token: shop.key });
    expect(totals).toEqual({ users: 4, unreadable: 0 });
    const statusOf = async (from: typeof shop, id: string) => {
      const { updated_at: _, ...rest } = (await from.get(userPath(id))).json.data;
      return rest;
    };
    const ids = ["1", "2", "a/b+c", "plain"];
    const before = await Promise.all(ids.map((id) => statusOf(shop, id)));

    const bindings = await moveOut();
    const there = await createRealm("shop", {}, new Client(bindings));
    const { json } = await importFile(file, { token: there.key, bindings });
    expect(json.data).toMatchObject({ created: 4, failed: 0, errors: [] });
    expect(await Promise.all(ids.map((id) => statusOf(there, id)))).toEqual(before);
    // What was used before the move is spent after it.
    for (const used of [usedCode, usedBackupCode]) expect((await there.verify("1", used)).status).toBe(401);
    expect((await there.verify("1", freshBackupCode)).json.data.backup_codes_remaining).toBe(8);
    expect((await there.verify("1", await code(one.secret, 1))).status).toBe(200);
    expect((await there.verify("2", await code(users[1]?.secret ?? ""))).json.code).toBe("forbidden");
    expect((await there.verify("a/b+c", await code(users[2]?.secret ?? ""))).status).toBe(200);
    expect((await there.verify("plain", "123456")).json.code).toBe("not_enabled");
    // And what comes out of there is what went in.
    await moveOut();
    await importFile(file, { realm: "shop", bindings });
    const again = await exportAll({ realm: "shop", bindings });
    expect(again.file).toBe(file);
    expect((await importFile(file, { realm: "shop", bindings })).json.data).toMatchObject({ unchanged: 4 });
  });

  it("takes passwords along, and the ids that origins know their users by", async () => {
    const account = await createReadyAccount();
    const { file } = await exportAll();
    const bindings = await moveOut();
    expect((await importFile(file, { bindings })).json.data).toMatchObject({ created: 1 });
    expect(await query("SELECT id FROM users")).toEqual([{ id: account.id }]);
    const client = new Client(bindings);
    const signedIn = await client.login(account);
    expect(signedIn.json.status).toBe("totp_required");
    const done = await client.post("/totp/verify", {
      session_token: signedIn.json.session_token,
      code: await code(account.secret),
    });
    expect(done.status, done.text).toBe(200);
    expect(
      (await signInWith({ ...account, password: "wrong horse battery" }, "1").catch(() => null))?.status,
    ).not.toBe(200);
  });

  it("OTP-05 exports weak secrets that were accepted earlier, and failures that were not reset", async () => {
    const weak = "JBSWY3DPEHPK3PXP";
    await importFile(fileOf({ id: "1", secret: weak, allow_weak: true, second_factor_failures: 7 }), {
      realm: "shop",
    });
    const { file, users } = await exportAll({ realm: "shop" });
    expect(users).toMatchObject([{ id: "1", secret: weak, allow_weak: true, second_factor_failures: 7 }]);
    const bindings = await moveOut();
    expect((await importFile(file, { realm: "shop", bindings })).json.data).toMatchObject({ created: 1 });
  });

  it("does not export an unfinished set-up, or a disabled second factor", async () => {
    const shop = await createRealm();
    await enrolBackendUser(shop, "1");
    await shop.put("/v1/users/2");
    await shop.post("/v1/users/2/totp");
    await shop.delete("/v1/users/1/totp");
    const { users } = await exportAll({ token: shop.key });
    expect(users.map(({ created_at: _, ...rest }) => rest)).toEqual([
      // A step that was spent stays spent, whichever secret comes next.
      { id: "1", username: "1", totp_last_step: expect.any(Number) },
      { id: "2", username: "2" },
    ]);
  });
});

describe("an export", () => {
  const shop = { realm: "shop" };
  const many = (count: number) =>
    fileOf(
      ...Array.from({ length: count }, (_, index) => ({ id: String(index), username: `user-${index}` })),
    );

  it.each(["RSA", "P-256", "X25519"] as const)(
    "CR-05 is encrypted to an %s key, under another content key for each part",
    async (kind) => {
      await importFile(fileOf({ id: "1", secret: rfcSecret, email: "me@x.y" }), shop);
      const key = await generateOperatorKey(kind);
      const named = {
        ...key,
        publicJwk: { ...key.publicJwk, kid: "move-1", use: "enc", ext: true, x5t: "x" },
      };
      const { sealed, users } = await exportAll(shop, named);
      expect(users).toMatchObject([{ id: "1", secret: rfcSecret }]);
      const [header] = headersOf(sealed);
      expect(header).toMatchObject({
        alg: kind === "RSA" ? "RSA-OAEP-256" : "ECDH-ES",
        enc: "A256GCM",
        kid: "move-1",
        typ: "sallyport-export",
        cty: "application/x-ndjson",
        part: 1,
        last: true,
        users: 1,
        unreadable: 0,
      });
      const again = await exportAll(shop, named);
      expect(again.sealed).not.toBe(sealed);
      for (const other of [rfcSecret, "me@x.y"]) {
        expect(sealed).not.toContain(other);
        expect(Buffer.from(sealed, "base64url").toString("latin1")).not.toContain(other);
      }
      const wrong = await importJWK(
        (await generateOperatorKey(kind)).privateJwk,
        kind === "RSA" ? "RSA-OAEP-256" : "ECDH-ES",
      );
      await expect(compactDecrypt(sealed.trim(), wrong)).rejects.toThrow();
    },
  );

  it("comes in parts that are read as they are taken, and count themselves", async () => {
    for (const first of [0, 1]) {
      await importFile(
        many(1000)
          .split("\n")
          .slice(first * 500, first * 500 + 500)
          .join("\n"),
        shop,
      );
    }
    const { sealed, users, totals } = await exportAll(shop);
    expect(headersOf(sealed).map(({ part, last }) => [part, last])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, true],
    ]);
    expect(totals.users).toBe(1000);
    expect(users.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));

    let reads = 0;
    const bindings = environment({
      DB: tapD1(env.DB, ({ sql: [sql] }) => {
        if (sql?.includes("rowid")) reads += 1;
      }),
    });
    const response = await requestExport((await generateOperatorKey()).publicJwk, { ...shop, bindings });
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reads).toBeLessThanOrEqual(2);
    while (reader !== undefined && !(await reader.read()).done);
    expect(reads).toBe(3);
  });

  it("misses no user who is renamed or created meanwhile", async () => {
    await importFile(many(600), shop);
    let reads = 0;
    const db = tapD1(env.DB, async ({ sql: [sql] }) => {
      if (!sql?.includes("rowid") || ++reads !== 2) return;
      await query("UPDATE users SET username = 'aaa' WHERE id = 'shop:550'");
      await query("UPDATE users SET username = 'zzz' WHERE id = 'shop:5'");
      await importFile(fileOf({ id: "0-new" }), shop);
    });
    const { users } = await exportAll({ ...shop, bindings: environment({ DB: db }) });
    const ids = users.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(601);
  });

  it("is not taken for whole when it is cut off, by its reader least of all", async () => {
    await importFile(many(600), shop);
    const key = await generateOperatorKey();
    const { sealed } = await exportAll(shop, key);
    const [first = "", second = ""] = sealed.split("\n");
    const open = async (parts: string[], { privateJwk }: OperatorKey = key) => {
      for await (const _ of openExport(parts, privateJwk));
    };
    await open([first, second]);
    for (const parts of [
      [],
      [first],
      [second],
      [second, first],
      [first, first, second],
      [first, second, second],
    ]) {
      await expect(open(parts)).rejects.toThrow(ExportBroken);
    }
    // A character of the ciphertext that has no spare bits.
    const tampered = second.replace(/\.(.)(?=[^.]*\.[^.]*$)/, (_all, one) => `.${one === "A" ? "B" : "A"}`);
    await expect(open([first, tampered])).rejects.toThrow(ExportBroken);
    await expect(open([first, second], await generateOperatorKey())).rejects.toThrow(ExportBroken);
  });

  it("ends its stream with an error when the store fails in the middle", async () => {
    await importFile(many(600), shop);
    const lines = collectLogLines();
    let reads = 0;
    const db = tapD1(env.DB, ({ sql: [sql] }) => {
      if (sql?.includes("rowid") && ++reads === 2) throw new Error("D1_ERROR");
    });
    const response = await requestExport((await generateOperatorKey()).publicJwk, {
      ...shop,
      bindings: environment({ DB: db }),
    });
    await expect(response.text()).rejects.toThrow();
    expect(lines.filter((line) => line.includes("export.interrupted"))).toHaveLength(1);
  });

  it("INC-20 omits users whose second factor does not open, and reports them", async () => {
    const lines = collectLogLines();
    await importFile(
      fileOf({ id: "1", secret: rfcSecret }, { id: "2", secret: rfcSecret }, { id: "3" }),
      shop,
    );
    await query("UPDATE users SET backup_codes = totp_secret WHERE id = 'shop:2'");
    const { users, totals } = await exportAll(shop);
    expect(users.map(({ id }) => id)).toEqual(["1", "3"]);
    expect(totals).toEqual({ users: 2, unreadable: 1 });
    expect(await listEvents("integrity.failed")).toMatchObject([{ user_id: "shop:2" }]);
    expect(lines.filter((line) => line.includes("integrity.failed"))).toHaveLength(1);
  });

  it("LG-01 LG-03 is written down before its first byte, without a secret", async () => {
    const lines = collectLogLines();
    const backend = await createRealm();
    await importFile(fileOf({ id: "1", secret: rfcSecret, backup_codes: ["1111-1111"] }), shop);
    const broken = tapD1(env.DB, ({ sql }) => {
      if (sql.some((text) => text.startsWith("insert"))) throw new Error("D1_ERROR");
    });
    const key = await generateOperatorKey();
    const refused = await requestExport(key.publicJwk, {
      token: backend.key,
      bindings: environment({ DB: broken }),
    });
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain("eyJ");
    expect(await listEvents("users.exported")).toEqual([]);

    const { users } = await exportAll(
      { token: backend.key },
      { ...key, publicJwk: { ...key.publicJwk, kid: "k" } },
    );
    const [event] = (await backend.get("/v1/events?type=users.exported")).json.data.events;
    expect(event).toMatchObject({ user: null, actor: backend.actor, detail: { alg: "ECDH-ES", kid: "k" } });
    const said = lines.join("\n") + JSON.stringify(await dumpDatabase());
    for (const secret of [rfcSecret, users[0].backup_codes[0]]) expect(said).not.toContain(secret);
  });

  it("WB-09 CR-09 has no user of another realm, and needs the scope `admin`", async () => {
    const [one, two] = [await createRealm("one"), await createRealm("two", { scopes: ["users:read"] })];
    await importFile(fileOf({ id: "1" }), { realm: "one" });
    await importFile(fileOf({ id: "2" }), { realm: "two" });
    expect((await exportAll({ token: one.key })).users.map(({ id }) => id)).toEqual(["1"]);
    const { publicJwk } = await generateOperatorKey();
    const statuses = await Promise.all(
      [{ token: two.key }, { token: one.key, realm: "two" }, { token: "x" }].map(
        async (options) => (await requestExport(publicJwk, options)).status,
      ),
    );
    expect(statuses).toEqual([403, 404, 401]);
    expect(await listEvents("users.exported")).toHaveLength(1);
  });

  it("INC-29 needs EXPORT_KEY beside ADMIN_KEY or an API key, and each use and each refusal is recorded", async () => {
    const backend = await createRealm();
    await importFile(fileOf({ id: "1", secret: rfcSecret }), shop);
    const { publicJwk } = await generateOperatorKey();
    const header = (value: string) => ({ "X-Sallyport-Export-Key": value });
    const callers = [
      [env.ADMIN_KEY, "admin"],
      [backend.key, backend.actor],
    ] as const;
    for (const [token, actor] of callers) {
      for (const [headers, why, words] of [
        [{}, "not_shown", "send it in X-Sallyport-Export-Key"],
        [header("wrong"), "wrong", "is not EXPORT_KEY"],
        [header(env.ADMIN_KEY), "wrong", "is not EXPORT_KEY"],
        [header(token), "wrong", "is not EXPORT_KEY"],
        [header(env.EXPORT_KEY.slice(0, -1)), "wrong", "is not EXPORT_KEY"],
        [header(`${env.EXPORT_KEY}0`), "wrong", "is not EXPORT_KEY"],
        [{ "X-Sallyport-Proxy-Key": env.EXPORT_KEY }, "not_shown", "send it in X-Sallyport-Export-Key"],
      ] as const) {
        const refused = await requestExport(publicJwk, { ...shop, token, headers });
        const text = await refused.text();
        expect([refused.status, JSON.parse(text)]).toMatchObject([
          403,
          { code: "forbidden", export_key: why },
        ]);
        expect(text).toContain(words);
        const event = (await listEvents("export_key.refused")).at(-1);
        expect(event).toMatchObject({ actor, realm: "shop", user_id: null });
        expect(JSON.parse(event?.detail ?? "")).toEqual({ deed: "users.exported", why });
      }
      expect(await listEvents("export_key.accepted", "users.exported")).toHaveLength(
        2 * callers.findIndex(([one]) => one === token),
      );
      await exportAll({ ...shop, token });
      const accepted = (await listEvents("export_key.accepted")).at(-1);
      expect(accepted).toMatchObject({ actor, realm: "shop", detail: '{"deed":"users.exported"}' });
    }
  });

  it("INC-29 is refused to every caller while EXPORT_KEY is not set, and the refusal says what to set", async () => {
    const bindings = environment({ EXPORT_KEY: undefined });
    const { publicJwk } = await generateOperatorKey();
    for (const headers of [{}, undefined, { "X-Sallyport-Export-Key": "" }]) {
      const refused = await requestExport(publicJwk, {
        ...shop,
        bindings,
        ...(headers === undefined ? {} : { headers }),
      });
      expect(refused.status).toBe(403);
      const { code, detail } = (await refused.json()) as Record<string, string>;
      expect(code).toBe("forbidden");
      expect(detail).toContain("wrangler secret put EXPORT_KEY");
    }
    expect(await listEvents("users.exported")).toEqual([]);
  });

  it("may be empty", async () => {
    const { file, totals } = await exportAll({ realm: "empty" });
    expect([file, totals]).toEqual(["", { users: 0, unreadable: 0 }]);
  });
});

describe("the recipient of an export", () => {
  it.each(["RSA", "P-256", "X25519"] as const)(
    "has a public key: the private half of %s is refused",
    async (kind) => {
      const { privateJwk } = await generateOperatorKey(kind);
      const answer = await requestExport(privateJwk);
      expect(answer.status).toBe(422);
      expect(await answer.text()).not.toContain(privateJwk.d);
      expect(await listEvents("users.exported")).toEqual([]);
    },
  );

  it("is no short or strange key", async () => {
    const rsa = (await generateOperatorKey("RSA")).publicJwk;
    const ec = (await generateOperatorKey("P-256")).publicJwk;
    const x25519 = (await generateOperatorKey()).publicJwk;
    const short = Buffer.from(
      crypto.getRandomValues(new Uint8Array(128)).with(0, 0xff).with(127, 1),
    ).toString("base64url");
    const recipients = [
      undefined,
      null,
      "key",
      {},
      { ...rsa, n: short },
      { ...rsa, alg: "RSA1_5" },
      { ...rsa, alg: "RSA-OAEP" },
      { ...rsa, use: "sig" },
      { ...rsa, n: undefined },
      { ...ec, crv: "P-521" },
      { ...ec, x: ec.y, y: ec.x },
      { ...ec, alg: "ES256" },
      { ...x25519, crv: "Ed25519" },
      { ...x25519, x: "AA" },
      { ...x25519, x: "A".repeat(43) },
      { kty: "oct", k: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
    ];
    const statuses = await Promise.all(
      recipients.map(async (recipient) => (await requestExport(recipient)).status),
    );
    expect(statuses).toEqual(recipients.map(() => 422));
    expect(await listEvents("users.exported")).toEqual([]);
  });

  it("comes in JSON, and nothing else does", async () => {
    const { publicJwk } = await generateOperatorKey();
    const ask = async (body: unknown, path = "/v1/export") => (await operator().post(path, body)).status;
    expect(await ask({ recipient: publicJwk, password: "x" })).toBe(400);
    expect(await ask({ recipient: publicJwk }, "/v1/export?since=1")).toBe(400);
    expect(await ask("{")).toBe(400);
    expect(await ask("")).toBe(422);
  });
});
