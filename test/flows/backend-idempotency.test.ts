import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sha256Base64url } from "../../src/core/crypto/digest.ts";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import {
  Backend,
  createBackendUser,
  createKey,
  createRealm,
  type EnrolledBackendUser,
  enrolBackendUser,
  operator,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { failBatches, loseResponses } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { randomKey } from "../support/keyring.ts";
import { countEvaluated, dumpDatabase, listEvents, query, readUser } from "../support/rows.ts";
import { type Answer, Client, code, environment, wrongCode } from "../support/worker.ts";

useFreshWorker();

const key = "f1c7a9d2-7b0e-4c7e-a1b6-2f7d2f8f1a55";
const path = (call = "") => userPath("42") + call;
const kept = () => query("SELECT * FROM idempotency_keys");

/** A POST whose first answer is worth having again. */
interface Deed {
  readonly path: string;
  readonly body?: object;
  readonly status: number;
  /** What it leaves behind, once. */
  readonly event: string;
  /** It tells of an accepted code, and so is void without the account (INC-37). */
  readonly approves?: true;
}

/** Every POST, with a user 42 that has a second factor or a pending secret. */
const deeds: Record<string, (shop: Backend) => Promise<Deed>> = {
  createUser: async () => ({
    path: "/v1/users",
    body: { username: "new" },
    status: 201,
    event: "user.created",
  }),
  disableUser: async (shop) => {
    await enrolBackendUser(shop);
    return { path: path("/disable"), status: 200, event: "user.disabled" };
  },
  enableUser: async (shop) => {
    await enrolBackendUser(shop);
    await shop.post(path("/disable"));
    return { path: path("/enable"), status: 200, event: "user.enabled" };
  },
  verifyCode: async (shop) => {
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret), action: "pay", nonce: "n" };
    return { path: path("/verify"), body, status: 200, event: "second_factor.accepted", approves: true };
  },
  startTotp: async (shop) => {
    await createBackendUser(shop);
    return { path: path("/totp"), status: 200, event: "totp.setup_started" };
  },
  confirmTotp: async (shop) => {
    await createBackendUser(shop);
    const { secret } = (await shop.post(path("/totp"))).json.data;
    return {
      path: path("/totp/confirm"),
      body: { code: await code(secret) },
      status: 200,
      event: "totp.enabled",
      approves: true,
    };
  },
  regenerateBackupCodes: async (shop) => {
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret) };
    const event = "backup_codes.regenerated";
    return { path: path("/backup-codes"), body, status: 200, event, approves: true };
  },
  resetUser: async (shop) => {
    await enrolBackendUser(shop);
    return { path: path("/reset"), status: 200, event: "second_factor.reset" };
  },
  unlockUser: async (shop) => {
    await enrolBackendUser(shop);
    return { path: path("/unlock"), status: 200, event: "second_factor.unlocked" };
  },
  createApiKey: async () => ({
    path: "/v1/api-keys",
    body: { name: "new", scopes: ["verify"] },
    status: 201,
    event: "api_key.created",
  }),
};

/** Two more ways to do one of them. */
const furtherDeeds: typeof deeds = {
  "verifyCode, with a backup code": async (shop) => {
    const { backupCodes } = await enrolBackendUser(shop);
    return {
      path: path("/verify"),
      body: { code: backupCodes[0] },
      status: 200,
      event: "second_factor.accepted",
      approves: true,
    };
  },
  "startTotp, in the place of another authenticator": async (shop) => {
    const { secret } = await enrolBackendUser(shop);
    return {
      path: path("/totp"),
      body: { code: await code(secret) },
      status: 200,
      event: "totp.setup_started",
      approves: true,
    };
  },
};

/** An answer as the caller gets it, but for the headers that name the request. */
const seen = ({ status, text, headers }: Answer) => ({ status, text, type: headers.get("Content-Type") });

const eventsOf = async (event: string) => (await listEvents(event)).length;

it("WB-15 every POST is among those that are tried here", () => {
  const elsewhere = ["createChallenge", "importUsers", "exportUsers"];
  const posts = serviceOperations.filter(({ method, id }) => method === "post" && !elsewhere.includes(id));
  expect(posts.map(({ id }) => id).toSorted()).toEqual(Object.keys(deeds).toSorted());
  for (const { id, repeatable: takesKey } of posts) expect(takesKey, id).toBe(true);
});

describe.each(Object.entries({ ...deeds, ...furtherDeeds }))("%s", (_, prepare) => {
  it("WB-15 gets its first answer again, here and elsewhere, later and after a change, and does nothing more", async () => {
    const shop = await createRealm();
    const deed = await prepare(shop);
    const before = await eventsOf(deed.event);
    const first = await shop.post(deed.path, deed.body, repeatable(key));
    expect([first.status, first.headers.get("Idempotency-Replayed")]).toEqual([deed.status, null]);
    // What it says of a user is so.
    const { data } = first.json;
    if (data.username !== undefined)
      expect((await shop.get(userPath(data.id))).json.data).toMatchObject(data);
    await query("UPDATE api_keys SET last_used_at = NULL");
    const after = await dumpDatabase();
    for (const backend of [shop, shop.at(new Client())]) {
      advance(20);
      const again = await backend.post(deed.path, deed.body, repeatable(key));
      expect(seen(again)).toEqual(seen(first));
      expect(again.headers.get("Idempotency-Replayed")).toBe("true");
      await query("UPDATE api_keys SET last_used_at = NULL");
      expect(await dumpDatabase()).toEqual(after);
    }
    expect(await eventsOf(deed.event)).toBe(before + 1);
    await query("DELETE FROM users");
    const without = await shop.post(deed.path, deed.body, repeatable(key));
    if (deed.approves === true)
      expect([without.status, without.json.title]).toEqual([409, "First response void"]);
    else expect(seen(without)).toEqual(seen(first));
  });

  it("WB-15 gets its first answer when that was lost on the way, and is no replay", async () => {
    const shop = await createRealm();
    const deed = await prepare(shop);
    const before = await eventsOf(deed.event);
    const far = shop.at(new Client(environment({ DB: loseResponses(env.DB) })));
    const lost = await far.post(deed.path, deed.body, repeatable(key));
    expect([lost.status, lost.json.code]).toEqual([503, "store_unavailable"]);
    expect(await eventsOf(deed.event)).toBe(before + 1);

    const again = await shop.post(deed.path, deed.body, repeatable(key));
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([deed.status, "true"]);
    expect(await eventsOf(deed.event)).toBe(before + 1);
    // What it was told holds: the key opens, the codes and the secret are those of the account.
    const { data } = again.json;
    if (data.key !== undefined)
      expect((await new Backend("shop", data.key).verify("x", "123456")).status).toBe(404);
    if (data.secret !== undefined) {
      advance(60);
      expect((await shop.post(path("/totp/confirm"), { code: await code(data.secret) })).status).toBe(200);
    }
    if (data.backup_codes !== undefined)
      expect((await shop.verify("42", data.backup_codes[9])).status).toBe(200);
  });
});

describe("a refusal", () => {
  it("WB-15 INC-17 of a wrong code is an answer: its retry is the same one, and counts once", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await wrongCode(secret) };
    for (const call of ["/verify", "/backup-codes", "/totp"]) {
      const first = await shop.post(path(call), body, repeatable(call));
      expect([first.status, first.json.code], call).toEqual([401, "invalid_code"]);
      expect(seen(await shop.post(path(call), body, repeatable(call)))).toEqual(seen(first));
    }
    expect((await readUser("shop:42")).second_factor_failures).toBe(3);

    const far = shop.at(new Client(environment({ DB: loseResponses(env.DB) })));
    expect((await far.post(path("/verify"), body, repeatable("lost"))).status).toBe(503);
    const again = await shop.post(path("/verify"), body, repeatable("lost"));
    expect([again.status, again.json.code, again.headers.get("Content-Type")]).toEqual([
      401,
      "invalid_code",
      "application/problem+json; charset=utf-8",
    ]);
    expect((await readUser("shop:42")).second_factor_failures).toBe(4);
    expect((await listEvents("second_factor.refused")).length).toBe(4);
  });

  it("WB-15 of a spent code is an answer too, and stays that of a wrong one", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret) };
    await shop.post(path("/verify"), body);
    const first = await shop.post(path("/verify"), body, repeatable(key));
    expect(first.status).toBe(401);
    expect(seen(await shop.post(path("/verify"), body, repeatable(key)))).toEqual(seen(first));
    expect(await countEvaluated()).toMatchObject({ replayed: 1, refused: 0 });
  });

  it("WB-15 that has changed nothing is not kept: the same call is decided anew", async () => {
    const shop = await createRealm();
    const named = (what: string) => what.replaceAll(" ", "-");
    const refused = async (what: string, status: number, call: string, body?: object) => {
      expect((await shop.post(call, body, repeatable(named(what)))).status, what).toBe(status);
      expect(await kept(), what).toEqual([]);
    };
    const done = async (what: string, status: number, call: string, body?: object) => {
      const answer = await shop.post(call, body, repeatable(named(what)));
      expect([answer.status, answer.headers.get("Idempotency-Replayed")], what).toEqual([status, null]);
      await query("DELETE FROM idempotency_keys");
    };
    await refused("nobody", 404, path("/disable"));
    await refused("nobody's code", 404, path("/verify"), { code: "7K3F-9QWX" });
    await refused("form", 422, path("/verify"), { code: "12345" });
    await refused("fields", 400, path("/verify"), { code: "123456", kode: "1" });
    await refused("weak", 422, "/v1/users", { username: "bob", password: "password" });
    await createBackendUser(shop);
    await refused("not enabled", 409, path("/verify"), { code: "123456" });
    await refused("no setup", 410, path("/totp/confirm"), { code: "123456" });
    await refused("name", 409, "/v1/users", { username: "42" });
    await done("form", 200, path("/totp"));
    await query("DELETE FROM users");

    const user: EnrolledBackendUser = await enrolBackendUser(shop);
    await refused("enabled", 409, path("/totp"));
    await done("name", 409, "/v1/users", { username: "42" });
    await shop.post(path("/disable"));
    const [one, two, three] = user.backupCodes;
    await refused("closed", 403, path("/verify"), { code: one });
    await shop.post(path("/enable"));
    await done("closed", 200, path("/verify"), { code: one });
    await query("UPDATE users SET second_factor_failures = 100");
    await refused("disabled", 403, path("/verify"), { code: two });
    await query(
      "UPDATE users SET second_factor_failures = 5, second_factor_blocked_until = ?",
      Date.now() + 1000,
    );
    await refused("cool-down", 429, path("/verify"), { code: three });
    advance(1);
    await done("disabled", 200, path("/verify"), { code: two });
    await done("cool-down", 200, path("/verify"), { code: three });
    await shop.post("/v1/api-keys", { name: "n", scopes: ["verify"] });
    await shop.post("/v1/api-keys", { name: "n", scopes: ["verify"] });
    await refused("third key", 409, "/v1/api-keys", { name: "n", scopes: ["verify"] });
    await query("UPDATE api_keys SET revoked_at = 1 WHERE name = 'n'");
    await done("third key", 201, "/v1/api-keys", { name: "n", scopes: ["verify"] });
  });

  it("TH-09 by a store that fails before it has decided leaves nothing, and the retry is decided", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret) };
    const far = shop.at(new Client(environment({ DB: failBatches(env.DB) })));
    expect((await far.post(path("/verify"), body, repeatable(key))).status).toBe(503);
    const answer = await shop.post(path("/verify"), body, repeatable(key));
    expect([answer.status, answer.headers.get("Idempotency-Replayed")]).toEqual([200, null]);
  });
});

describe("an Idempotency-Key", () => {
  it("WB-15 is 409 for another body, another call and another user, and changes nothing", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await enrolBackendUser(shop, "43");
    const body = { code: user.backupCodes[0], nonce: "n" };
    await shop.post(path("/verify"), body, repeatable(key));
    const before = await dumpDatabase();
    const others: [string, object | string][] = [
      [path("/verify"), { ...body, nonce: "m" }],
      [path("/verify"), { code: user.backupCodes[1], nonce: "n" }],
      [path("/verify"), { nonce: "n", code: user.backupCodes[0] }],
      [path("/verify"), `${JSON.stringify(body)} `],
      [path("/backup-codes"), { code: user.backupCodes[0] }],
      [path("/backup-codes"), body],
      [`${userPath("43")}/verify`, body],
      [path("/disable"), {}],
      ["/v1/users", { username: "new" }],
    ];
    for (const [call, other] of others) {
      const { status, json } = await shop.post(call, other, repeatable(key));
      const what = `${call} ${JSON.stringify(other)}`;
      expect([status, json.code], what).toEqual([409, "idempotency_conflict"]);
    }
    expect(await dumpDatabase()).toEqual(before);
    expect((await shop.post(path("/verify"), body, repeatable(key))).status).toBe(200);
  });

  it("WB-15 WB-09 is a realm's own: another one may have the same", async () => {
    const [shop, books] = [await createRealm("shop"), await createRealm("books")];
    const body = { username: "ada" };
    const one = await shop.post("/v1/users", body, repeatable(key));
    const two = await books.post("/v1/users", body, repeatable(key));
    expect([one.json.data.realm, two.json.data.realm]).toEqual(["shop", "books"]);
    expect(two.headers.get("Idempotency-Replayed")).toBeNull();
    // With ADMIN_KEY, the stored responses belong to the named realm.
    const asBooks = await operator().post("/v1/users?realm=books", body, repeatable("operator"));
    expect(asBooks.status).toBe(409);
    expect((await operator().post("/v1/users", body, repeatable(key))).json.data.realm).toBe("local");
    expect(await kept()).toHaveLength(3);
  });

  it("WB-15 CR-09 gets its first answer with the successor of the key it was sent with, and not with one that may do less", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const fields = { name: "worker", scopes: ["verify", "admin"] } as const;
    const [old, next] = [await createKey(shop, "shop", fields), await createKey(shop, "shop", fields)];
    const less = await createKey(shop, "shop", { name: "less", scopes: ["verify"] });
    const elsewhere = await createKey(shop, "shop", {
      ...fields,
      name: "e",
      return_urls: ["https://a.example/"],
    });
    const body = { code: await code(secret) };
    const first = await old.post(path("/verify"), body, repeatable(key));
    expect(seen(await next.post(path("/verify"), body, repeatable(key)))).toEqual(seen(first));
    for (const other of [less, elsewhere, shop])
      expect((await other.post(path("/verify"), body, repeatable(key))).json.code).toBe(
        "idempotency_conflict",
      );

    // Or a key of its own could be had that way which may do what it may not.
    const wish = { name: "new", scopes: ["verify", "admin"] };
    await old.post("/v1/api-keys", wish, repeatable("new-key"));
    const admin = await createKey(shop, "shop", { name: "admin", scopes: ["admin"] });
    const refused = await admin.post("/v1/api-keys", wish, repeatable("new-key"));
    expect([refused.status, refused.json.code]).toEqual([409, "idempotency_conflict"]);
  });

  it("WB-15 is free again after a day", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const first = await shop.post(path("/totp"), {}, repeatable(key));
    advance(24 * 3600 - 1);
    expect(seen(await shop.post(path("/totp"), {}, repeatable(key)))).toEqual(seen(first));
    expect((await shop.post(path("/disable"), {}, repeatable(key))).status).toBe(409);
    advance(1);
    const second = await shop.post(path("/totp"), {}, repeatable(key));
    expect(second.headers.get("Idempotency-Replayed")).toBeNull();
    expect(second.json.data.secret).not.toBe(first.json.data.secret);
    // And is taken again from then on, with that answer.
    expect(seen(await shop.post(path("/totp"), {}, repeatable(key)))).toEqual(seen(second));
    expect(await kept()).toHaveLength(1);
  });

  it("WB-15 has 1 to 255 visible characters, of which each counts", async () => {
    const shop = await createRealm();
    for (const bad of ["", " ", "a b", "a\tb", "é", "x".repeat(256)]) {
      const answer = await shop.post("/v1/users", { username: "ada" }, repeatable(bad));
      expect([answer.status, answer.json.code], bad).toEqual([422, "invalid_format"]);
    }
    expect(await kept()).toEqual([]);
    const good = ["x".repeat(255), "x".repeat(254), "a", "A", '"a"', "~"];
    for (const [index, text] of good.entries())
      expect((await shop.post("/v1/users", { username: `u${index}` }, repeatable(text))).status).toBe(201);
    expect(await kept()).toHaveLength(good.length);
  });

  it("is asked for nowhere, and nothing to calls that are no POST", async () => {
    const shop = await createRealm();
    await shop.put(path(), { username: "ada" }, repeatable(key));
    expect((await shop.put(path(), { username: "bob" }, repeatable(key))).json.data.username).toBe("bob");
    expect((await shop.get("/v1/users", repeatable(key))).status).toBe(200);
    expect((await shop.delete(path(), repeatable(key))).status).toBe(200);
    await shop.post("/v1/users", { username: "carol" });
    expect(await kept()).toEqual([]);
  });

  it("WB-15 keeps the answer of a call that found everything as it should be", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    await shop.post(path("/disable"));
    const first = await shop.post(path("/disable"), {}, repeatable(key));
    expect(first.status).toBe(200);
    await shop.post(path("/enable"));
    // A retry that comes late does not close the account again.
    expect(seen(await shop.post(path("/disable"), {}, repeatable(key)))).toEqual(seen(first));
    expect((await shop.get(path())).json.data.disabled_at).toBeNull();
  });
});

describe("a kept answer", () => {
  /** Everything secret that an answer can hold, and the key that it is kept under. */
  async function keepEverything(shop: Backend): Promise<{ secrets: string[]; answers: Map<string, Answer> }> {
    const answers = new Map<string, Answer>();
    const post = async (name: string, call: string, body?: object) => {
      const answer = await shop.post(call, body, repeatable(`key-${name}`));
      answers.set(name, answer);
      return answer.json.data;
    };
    await createBackendUser(shop);
    const { secret, provisioning_uri: uri } = await post("start", path("/totp"));
    const first = await post("confirm", path("/totp/confirm"), { code: await code(secret) });
    const { receipt } = await post("verify", path("/verify"), { code: first.backup_codes[0] });
    const second = await post("codes", path("/backup-codes"), { code: first.backup_codes[1] });
    const made = await post("key", "/v1/api-keys", { name: "new", scopes: ["verify"] });
    const codes: string[] = [...first.backup_codes, ...second.backup_codes];
    const plain = codes.map((text) => text.replace("-", ""));
    const parts = [receipt.split(".")[1], receipt.split(".")[2], made.key.slice(20)];
    return { secrets: [secret, uri, receipt, made.key, ...parts, ...codes, ...plain], answers };
  }

  it("CR-01 is sealed: no secret, backup code, receipt, API key or Idempotency-Key lies in the database", async () => {
    const shop = await createRealm();
    const { secrets } = await keepEverything(shop);
    const dump = JSON.stringify(await dumpDatabase());
    for (const secret of [...secrets, "key-start", "key-verify"]) {
      expect(dump.includes(secret), secret.slice(0, 8)).toBe(false);
      expect(dump.includes(btoa(secret).replace(/=+$/, "")), secret.slice(0, 8)).toBe(false);
    }
    const rows = await query<{ key_hash: string; answer: string }>("SELECT * FROM idempotency_keys");
    expect(rows).toHaveLength(5);
    expect(rows.map(({ key_hash: hash }) => hash)).toContain(await sha256Base64url("key-start"));
    for (const { answer } of rows) expect(answer).toMatch(/^v1\.k1\.[\w-]+$/);
    expect(new Set(rows.map(({ answer }) => answer.slice(6, 22))).size).toBe(5);
  });

  it("CR-02 opens in its own place only: moved to another key or realm it is never returned", async () => {
    const shop = await createRealm();
    const { answers } = await keepEverything(shop);
    const [start, confirm] = [await sha256Base64url("key-start"), await sha256Base64url("key-confirm")];
    const move =
      "UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys WHERE key_hash = ?) WHERE key_hash = ?";
    await query(move, confirm, start);
    const moved = await shop.post(path("/totp"), {}, repeatable("key-start"));
    expect([moved.status, moved.json.code]).toEqual([409, "idempotency_conflict"]);

    await query("UPDATE idempotency_keys SET realm = 'local'");
    const asLocal = await operator().post(
      "/v1/api-keys",
      { name: "new", scopes: ["verify"] },
      repeatable("key-key"),
    );
    expect(asLocal.json.code).toBe("idempotency_conflict");
    await query("UPDATE idempotency_keys SET realm = 'shop'");
    const back = await shop.post("/v1/api-keys", { name: "new", scopes: ["verify"] }, repeatable("key-key"));
    expect(back.text).toBe(answers.get("key")?.text);
  });

  it("CR-04 opens after a rotation, and is refused when its key is gone, rather than done again", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret) };
    const first = await shop.post(path("/verify"), body, repeatable(key));
    const newer = `k2:${randomKey()}`;
    const rotated = shop.at(new Client(environment({ KEYRING: `${newer},${env.KEYRING}` })));
    expect(seen(await rotated.post(path("/verify"), body, repeatable(key)))).toEqual(seen(first));
    const without = shop.at(new Client(environment({ KEYRING: newer })));
    const refused = await without.post(path("/verify"), body, repeatable(key));
    expect([refused.status, refused.json.code]).toEqual([409, "idempotency_conflict"]);
    expect(await countEvaluated()).toMatchObject({ accepted: 2, replayed: 0 });
  });
});
