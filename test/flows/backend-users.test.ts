import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { encodeCursor } from "../../src/core/tokens/cursor.ts";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  enrolBackendUser,
  operator,
  userPath,
} from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { dumpDatabase, query, readUser } from "../support/rows.ts";
import { type Answer, Client, code, pendingToken, wrongCode } from "../support/worker.ts";

useFreshWorker();

const isoIn = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const password = "correct horse battery";

describe("a user of a backend", () => {
  it("is created under the backend's own id, or under a random one", async () => {
    const shop = await createRealm();
    const named = await shop.post("/v1/users", { id: "42", username: " Ada ", email: "ada@example.com" });
    expect([named.status, named.json]).toEqual([
      201,
      {
        status: "success",
        data: {
          id: "42",
          realm: "shop",
          username: "ada",
          email: "ada@example.com",
          totp_enabled: false,
          totp_setup_at: null,
          created_at: isoIn(0),
          updated_at: isoIn(0),
          disabled_at: null,
        },
      },
    ]);
    const other = await shop.post("/v1/users", { username: "bob" });
    expect(other.json.data.id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await shop.get(userPath(other.json.data.id))).json.data.username).toBe("bob");
  });

  it("is created or changed by the same call, and keeps what is not said", async () => {
    const shop = await createRealm();
    const created = await shop.put(userPath("42"), { email: "ada@example.com" });
    expect(created).toMatchObject({ status: 201, json: { data: { id: "42", username: "42" } } });
    advance(5);
    const changed = await shop.put(userPath("42"), { username: "ada" });
    expect(changed).toMatchObject({
      status: 200,
      json: {
        data: { username: "ada", email: "ada@example.com", created_at: isoIn(-5), updated_at: isoIn(0) },
      },
    });
    expect((await shop.put(userPath("42"), { email: null })).json.data).toMatchObject({
      username: "ada",
      email: null,
    });
    expect((await shop.put(userPath("42"), {})).status).toBe(200);
    expect(await query("SELECT id FROM users")).toHaveLength(1);
  });

  it("keeps its second factor when name and address change", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    await shop.put(userPath("42"), { username: "other", email: "other@example.com" });
    expect((await shop.verify("42", await code(user.secret))).status).toBe(200);
  });

  it("has a unique name in its realm", async () => {
    const shop = await createRealm();
    await createBackendUser(shop, "1", { username: "ada" });
    await createBackendUser(shop, "2", { username: "bob" });
    const before = await dumpDatabase();
    const conflicts = [
      () => shop.post("/v1/users", { username: "ADA" }),
      () => shop.post("/v1/users", { id: "1", username: "carol" }),
      () => shop.put(userPath("3"), { username: " ada" }),
      () => shop.put(userPath("2"), { username: "Ada" }),
      () => shop.put(userPath("ada"), {}),
    ];
    for (const call of conflicts)
      expect(await call(), String(call)).toMatchObject({ status: 409, json: { code: "conflict" } });
    expect(await dumpDatabase()).toEqual(before);
    // Its own is not another's.
    expect((await shop.put(userPath("1"), { username: "ADA" })).status).toBe(200);
  });

  it("tells in one call how things stand, and no secret", async () => {
    const shop = await createRealm();
    await createBackendUser(shop, "42", { username: "ada" });
    const status = async () => (await shop.get(userPath("42"))).json.data;
    const bare = await status();
    expect(bare).toEqual({
      id: "42",
      realm: "shop",
      username: "ada",
      email: null,
      totp_enabled: false,
      totp_setup_at: null,
      created_at: isoIn(0),
      updated_at: isoIn(0),
      disabled_at: null,
      backup_codes_remaining: 0,
      blocked_until: null,
      second_factor_disabled: false,
      enrolment_expires_at: null,
      password: "none",
    });
    const { secret } = (await shop.post(`${userPath("42")}/totp`)).json.data;
    expect(await status()).toEqual({ ...bare, enrolment_expires_at: isoIn(600) });
    const confirmed = await shop.post(`${userPath("42")}/totp/confirm`, { code: await code(secret, -1) });
    const codes: string[] = confirmed.json.data.backup_codes;
    const enrolled = { ...bare, totp_enabled: true, totp_setup_at: isoIn(0), backup_codes_remaining: 10 };
    expect(await status()).toEqual(enrolled);

    await shop.verify("42", codes[3]);
    for (let i = 0; i < 5; i++) await shop.verify("42", await wrongCode(secret, i));
    expect(await status()).toEqual({ ...enrolled, backup_codes_remaining: 9, blocked_until: isoIn(60) });
    advance(60);
    expect((await status()).blocked_until).toBeNull();
    await query("UPDATE users SET second_factor_failures = 100, password_hash = '$argon2id$v=19$x'");
    expect(await status()).toMatchObject({ second_factor_disabled: true, password: "reset_required" });
    const text = JSON.stringify(await status());
    for (const hidden of [secret, ...codes, "$argon2id"]) expect(text).not.toContain(hidden);
  });

  it("EN-06 BC-09 shows neither secret nor backup codes on any later call", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const reads = serviceOperations.filter(({ method }) => method === "get");
    for (const { path } of reads) {
      const { text } = await shop.get(path.replace(":id", "42"));
      for (const hidden of [user.secret, ...user.backupCodes]) expect(text, path).not.toContain(hidden);
    }
    expect(reads.length).toBeGreaterThanOrEqual(5);
  });

  it("signs in with the password that the backend of the password users has given it", async () => {
    const made = await operator().put(userPath("42"), { username: "ada", password });
    expect(made.status).toBe(201);
    const login = await new Client().login({ username: "ada", password });
    expect(login.json.status).toBe("success");
    expect((await operator().get(userPath("42"))).json.data.password).toBe("set");
    const { json } = await new Client().call("/session", { token: login.json.session_token });
    expect(json.data.user.username).toBe("ada");
  });

  it.each([
    ["short", "short"],
    ["among the first that anybody would try", "password"],
    ["its name", "adalovelace"],
    ["its address", "ada@example.com"],
  ])("is refused a password that is %s, new or changed", async (_, weak) => {
    const shop = await createRealm();
    const fields = { username: "adalovelace", email: "ada@example.com" };
    const created = await shop.put(userPath("42"), { ...fields, password: weak });
    expect(created).toMatchObject({ status: 422, json: { code: "weak_password" } });
    expect(await query("SELECT id FROM users")).toEqual([]);
    await createBackendUser(shop, "42", fields);
    const changed = await shop.put(userPath("42"), { password: weak });
    expect(changed).toMatchObject({ status: 422, json: { code: "weak_password" } });
    expect((await readUser("shop:42")).password_hash).toBeNull();
  });

  it("SE-11 is signed out everywhere by a new password, and by nothing else that changes", async () => {
    const admin = operator();
    await admin.put(userPath("42"), { username: "ada", password });
    const client = new Client();
    const token = (await client.login({ username: "ada", password })).json.session_token;
    await admin.put(userPath("42"), { email: "new@example.com" });
    expect((await client.call("/session", { token })).status).toBe(200);
    await admin.put(userPath("42"), { password: "another horse battery" });
    expect((await client.call("/session", { token })).status).toBe(401);
    expect((await client.login({ username: "ada", password })).status).toBe(401);
  });

  it("SE-11 is signed out everywhere when it is disabled, and comes in nowhere until it is enabled", async () => {
    const admin = operator();
    const user = await enrolBackendUser(admin, "42", { username: "ada", password });
    const account = { id: user.storedId, username: "ada", password };
    const client = new Client();
    const pending = await pendingToken(account, client);
    const disabled = await admin.post(`${userPath("42")}/disable`);
    expect(disabled.json.data.disabled_at).toBe(isoIn(0));
    expect(await query("SELECT id FROM sessions")).toEqual([]);
    const live = await code(user.secret);
    const refused = await client.post("/totp/verify", { session_token: pending, code: live });
    expect(refused).toMatchObject({ status: 401, json: { code: "session_expired" } });
    expect((await client.login(account)).json.code).toBe("invalid_credentials");
    expect(await admin.verify("42", live)).toMatchObject({ status: 403, json: { code: "forbidden" } });

    advance(1);
    const again = await admin.post(`${userPath("42")}/disable`);
    expect(again.json.data.disabled_at).toBe(isoIn(-1));
    expect((await admin.post(`${userPath("42")}/enable`)).json.data.disabled_at).toBeNull();
    expect((await admin.post(`${userPath("42")}/enable`)).json.data.disabled_at).toBeNull();
    // What it was refused, it was refused without an attempt.
    expect((await admin.verify("42", live)).status).toBe(200);
  });

  it("is deleted with everything but the record, and its id is free again", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop, "42", { username: "ada" });
    await query(
      "INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at) VALUES ('s', 'full', ?, 0, '[]', 0, 0, 0, 0)",
      user.storedId,
    );
    await query(
      "INSERT INTO challenges (id, realm, user_id, secret_hash, return_to, created_at, expires_at) VALUES ('c', 'shop', ?, 'x', 'x', 0, 0)",
      user.storedId,
    );
    expect((await shop.delete(userPath("42"))).json).toEqual({ status: "success", data: { deleted: true } });
    expect((await shop.delete(userPath("42"))).status).toBe(404);
    expect((await shop.get(userPath("42"))).status).toBe(404);
    expect((await shop.verify("42", await code(user.secret))).status).toBe(404);
    const { users, sessions, challenges } = await dumpDatabase();
    expect({ users, sessions, challenges }).toEqual({ users: [], sessions: [], challenges: [] });
    const { events } = (await shop.get("/v1/events?user=42&order=desc&limit=2")).json.data;
    expect(events).toMatchObject([
      { type: "user.deleted", actor: shop.actor, user: "42" },
      { type: "totp.enabled" },
    ]);

    await createBackendUser(shop, "42", { username: "ada" });
    expect(await shop.verify("42", await code(user.secret))).toMatchObject({ status: 409 });
  });

  it("is not found by any call when there is none, and nothing is written down", async () => {
    const shop = await createRealm();
    const before = await dumpDatabase();
    const calls = serviceOperations.filter(
      ({ path, method }) => path.includes("/users/:id") && method !== "put",
    );
    for (const { id, method, path, bodyExample } of calls) {
      const answer = await shop.client.call(path.replace(/:\w+/g, "nobody"), {
        method: method.toUpperCase(),
        token: shop.key,
        ...(bodyExample === undefined ? {} : { body: bodyExample }),
      });
      expect([answer.status, answer.json.code, answer.json.detail], id).toEqual([
        404,
        "not_found",
        "There is no such user.",
      ]);
    }
    const { api_keys: _used, ...after } = await dumpDatabase();
    const { api_keys: _made, ...same } = before;
    expect(after).toEqual(same);
  });
});

describe("a list", () => {
  type Entry = { readonly id: string; readonly username?: string };
  type Page = { readonly entries: readonly Entry[]; readonly next_cursor: string | null };

  /** Reads a list to its end, page by page. */
  async function readAll(backend: Backend, path: string, list: string, limit: number): Promise<Page[]> {
    const pages: Page[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${cursor}`;
      const { json }: Answer = await backend.get(
        `${path}${path.includes("?") ? "&" : "?"}limit=${limit}${after}`,
      );
      pages.push({ entries: json.data[list], next_cursor: json.data.next_cursor });
      cursor = json.data.next_cursor;
    } while (cursor !== null && pages.length < 250);
    return pages;
  }

  /** Many users at once, for the price of one statement. */
  async function fillRealm(realm: string, count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, index) => `user ${String(index).padStart(3, "0")} ü`);
    const insert = env.DB.prepare(
      "INSERT INTO users (id, realm, username, created_at, updated_at) VALUES (?, ?, ?, 0, 0)",
    );
    await env.DB.batch(names.map((name, index) => insert.bind(`${realm}:${index}`, realm, name)));
    return names;
  }

  it("of users is read to its end in pages of every length, by name, without gap or double", async () => {
    const shop = await createRealm("shop");
    const names = await fillRealm("shop", 205);
    const few = await fillRealm("books", 7);
    const books = await createRealm("books");
    const read = [
      [shop, 200, names],
      [shop, 103, names],
      [books, 1, few],
      [books, 2, few],
      [books, 7, few],
    ] as const;
    for (const [backend, limit, expected] of read) {
      const pages = await readAll(backend, "/v1/users", "users", limit);
      const all = pages.flatMap(({ entries }) => entries.map(({ username }) => username));
      expect(all, `limit ${limit}`).toEqual(expected);
      expect(pages.slice(0, -1).every(({ entries }) => entries.length === limit)).toBe(true);
    }
    const unasked = (await shop.get("/v1/users")).json.data;
    expect(unasked.users).toHaveLength(50);
  });

  it("of users continues after the last one, whatever users are created and deleted meanwhile", async () => {
    const shop = await createRealm("shop");
    for (const id of ["b", "d", "f", "h"]) await createBackendUser(shop, id);
    const first = (await shop.get("/v1/users?limit=2")).json.data;
    await createBackendUser(shop, "a");
    await createBackendUser(shop, "e");
    await shop.delete(userPath("d"));
    const second = (await shop.get(`/v1/users?limit=2&cursor=${first.next_cursor}`)).json.data;
    const ids = [...first.users, ...second.users].map(({ id }: { id: string }) => id);
    expect(ids).toEqual(["b", "d", "e", "f"]);
  });

  it("of users has the one of a name, in any spelling of it, and an end", async () => {
    const shop = await createRealm("shop");
    await fillRealm("shop", 3);
    const pages = await readAll(shop, `/v1/users?username=${encodeURIComponent(" USER 001 Ü")}`, "users", 1);
    expect(pages.flatMap(({ entries }) => entries.map(({ id }) => id))).toEqual(["1"]);
    expect((await shop.get("/v1/users?username=nobody")).json.data).toEqual({ users: [], next_cursor: null });
  });

  it("of API keys is read to its end in pages", async () => {
    const shop = await createRealm("shop");
    const made = [shop.keyId];
    for (let i = 0; i < 4; i++) {
      const { json } = await shop.post("/v1/api-keys", { name: `key ${i}`, scopes: ["verify"] });
      made.push(json.data.id);
    }
    for (const limit of [1, 2, 200]) {
      const pages = await readAll(shop, "/v1/api-keys", "api_keys", limit);
      const ids = pages.flatMap(({ entries }) => entries.map(({ id }) => id));
      expect(ids, `limit ${limit}`).toEqual(made.toSorted());
    }
  });

  const lists = [
    ["/v1/users", "users"],
    ["/v1/events", "events"],
    ["/v1/api-keys", "api-keys"],
  ] as const;

  it.each(lists)("at %s takes a cursor that it has given, and no other", async (path, kind) => {
    const shop = await createRealm("shop");
    await createBackendUser(shop);
    const own = (await shop.get(`${path}?limit=1`)).json.data.next_cursor;
    expect((await shop.get(`${path}?cursor=${own}`)).status).toBe(200);
    const foreign = lists.filter(([, other]) => other !== kind).map(([, other]) => encodeCursor(other, "1"));
    const forged = ["", "0", "x", "%00", `${own}=`, encodeCursor("", ""), "a".repeat(3000)];
    // Where the position is a number it is one of those that the list gives.
    const positions =
      kind === "events" ? ["", "-1", "1.5", "1e9", "0x1", " 1", "NaN", "9".repeat(16), "1\0"] : [];
    for (const cursor of [...foreign, ...forged, ...positions.map((text) => encodeCursor(kind, text))]) {
      const { status, json } = await shop.get(`${path}?cursor=${cursor}`);
      expect([status, json.code], cursor.slice(0, 40)).toEqual([422, "invalid_format"]);
    }
  });

  it.each(lists)("at %s takes no parameter that it does not have, and no other length", async (path) => {
    const shop = await createRealm("shop");
    for (const query of ["foo=1", "limit=2&offset=2", "page=2", "Limit=2", "token=x", "api_key=x", "q="])
      expect(await shop.get(`${path}?${query}`), query).toMatchObject({
        status: 400,
        json: { code: "malformed_request" },
      });
    for (const limit of ["0", "201", "1000", "-1", "1.5", "01", "1e2", "", "x", "%31%30x", "٣"])
      expect(await shop.get(`${path}?limit=${limit}`), limit).toMatchObject({
        status: 422,
        json: { code: "invalid_format" },
      });
    expect((await shop.get(`${path}?limit=200`)).status).toBe(200);
  });
});

describe("what a call brings", () => {
  const changing = serviceOperations.filter(
    ({ method, bodyType }) => method !== "get" && bodyType === undefined,
  );

  const badBodies: [what: string, status: number, body: (example: object) => string, type?: string][] = [
    ["a field that it does not have", 400, (example) => JSON.stringify({ ...example, extra: 1 })],
    ["a name twice", 400, () => '{"code":"123456","code":"123457"}'],
    ["a name twice, once in disguise", 400, () => '{"username":"a","user\\u006eame":"b"}'],
    ["a prototype", 400, () => '{"__proto__":{"scopes":["admin"]}}'],
    ["half a body", 400, () => '{"code":"12'],
    ["a list", 400, () => "[]"],
    ["null", 400, () => "null"],
    ["a text", 400, () => '"code"'],
    ["more than 16 KiB", 413, () => `{"code":"${"1".repeat(16_400)}"}`],
    ["a form", 415, () => "code=123456", "application/x-www-form-urlencoded"],
    ["plain text", 415, (example) => JSON.stringify(example), "text/plain"],
  ];

  it("WB-08 is refused by every call with a body that can't be read, or in two ways, and changes nothing", async () => {
    const shop = await createRealm();
    await enrolBackendUser(shop, "42");
    const before = await dumpDatabase();
    expect(changing.length).toBeGreaterThanOrEqual(14);
    for (const [what, status, write, type] of badBodies) {
      for (const { id, method, path, bodyExample } of changing) {
        const answer = await shop.client.call(path.replace(":id", "42").replace(/:\w+/g, "x"), {
          method: method.toUpperCase(),
          body: write(bodyExample ?? {}),
          headers: { "Content-Type": type ?? "application/json" },
          token: shop.key,
        });
        expect(answer.status, `${id} with ${what}`).toBe(status);
        expect(answer.headers.get("Content-Type"), id).toContain("application/problem+json");
      }
    }
    expect(await dumpDatabase()).toEqual(before);
  });

  it("WB-08 is refused with a type that only begins as JSON does", async () => {
    const shop = await createRealm();
    for (const type of ["application/jsonp", "application/json2", "text/plain, application/json"]) {
      const options = { headers: { "Content-Type": type } };
      expect((await shop.post("/v1/users", { username: "ada" }, options)).status, type).toBe(415);
    }
    const options = { headers: { "Content-Type": "Application/JSON; charset=utf-8" } };
    expect((await shop.post("/v1/users", { username: "ada" }, options)).status).toBe(201);
  });

  const badFields: ["POST" | "PUT", string, object][] = [
    ["POST", "/v1/users", { username: 1 }],
    ["POST", "/v1/users", {}],
    ["POST", "/v1/users", { username: "" }],
    ["POST", "/v1/users", { username: "a\u0000b" }],
    ["POST", "/v1/users", { username: "a", id: 42 }],
    ["POST", "/v1/users", { username: "a", id: "" }],
    ["POST", "/v1/users", { username: "a", id: "é" }],
    ["POST", "/v1/users", { username: "a", email: "nobody" }],
    ["POST", "/v1/users", { username: "a", email: null }],
    ["POST", "/v1/users", { username: "a", password: "" }],
    ["PUT", "/v1/users/7", { username: null }],
    ["PUT", "/v1/users/7", { password: null }],
    ["PUT", "/v1/users/7", { email: `${"x".repeat(250)}@example.com` }],
    ["POST", "/v1/users/42/verify", {}],
    ["POST", "/v1/users/42/verify", { code: 123456 }],
    ["POST", "/v1/users/42/verify", { code: ["123456"] }],
    ["POST", "/v1/users/42/verify", { code: "12345" }],
    ["POST", "/v1/users/42/verify", { code: "1234567" }],
    ["POST", "/v1/users/42/verify", { code: "١٢٣٤٥٦" }],
    ["POST", "/v1/users/42/verify", { code: "1".repeat(10_000) }],
    ["POST", "/v1/users/42/verify", { code: "123456", action: "" }],
    ["POST", "/v1/users/42/verify", { code: "123456", action: "a\nb" }],
    ["POST", "/v1/users/42/verify", { code: "123456", action: "x".repeat(257) }],
    ["POST", "/v1/users/42/verify", { code: "123456", nonce: 1 }],
    ["POST", "/v1/users/42/verify", { code: "123456", ip: "300.1.1.1" }],
    ["POST", "/v1/users/42/verify", { code: "123456", ip: "198.51.100.7, 10.0.0.1" }],
    ["POST", "/v1/users/42/verify", { code: "123456", ip: "shop.example" }],
    ["POST", "/v1/users/42/totp", { code: "12345" }],
    ["POST", "/v1/users/42/totp/confirm", { code: "7K3F-9QWX" }],
    ["POST", "/v1/users/42/backup-codes", {}],
  ];

  it("OTP-15 WB-08 is 422 where a field has not its form, and costs no attempt", async () => {
    const shop = await createRealm();
    await enrolBackendUser(shop, "42");
    const before = await dumpDatabase();
    for (const [method, path, body] of badFields) {
      const answer = await shop.client.call(path, { method, body, token: shop.key });
      const what = `${path} ${JSON.stringify(body).slice(0, 60)}`;
      expect([answer.status, answer.json.code], what).toEqual([422, "invalid_format"]);
    }
    expect(await dumpDatabase()).toEqual(before);
  });

  it("WB-06 is 405 for a method that an address does not take, which says what it takes", async () => {
    const shop = await createRealm();
    for (const [method, path, allow] of [
      ["PATCH", "/v1/users/42", "PUT"],
      ["POST", "/v1/users/42", "PUT"],
      ["GET", "/v1/users/42/verify", "POST"],
      ["DELETE", "/v1/users", "POST"],
      ["PUT", "/v1/api-keys", "POST"],
      ["POST", "/v1/events", "GET"],
    ] as const) {
      const answer = await shop.client.call(path, { method, token: shop.key });
      expect(answer.status, `${method} ${path}`).toBe(405);
      expect(answer.headers.get("Allow"), path).toContain(allow);
    }
  });

  it("WB-01 may come from a server that sends a cookie along, and from no page of another site", async () => {
    const shop = await createRealm();
    const page = { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" };
    expect((await shop.put(userPath("42"), {}, { headers: page })).json.code).toBe("csrf_rejected");
    const server = { Cookie: "__Host-sallyport=x" };
    expect((await shop.put(userPath("42"), {}, { headers: server })).status).toBe(201);
  });
});
