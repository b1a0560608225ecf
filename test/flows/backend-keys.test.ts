import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sha256Base64url } from "../../src/core/crypto/digest.ts";
import { type ApiKeyScope, apiKeyScopes } from "../../src/domain/service-api/service-caller.ts";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import { visible } from "../support/accounts.ts";
import { Backend, createKey, createRealm, operator } from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { delayD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { withExportKey } from "../support/import-export.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import { type Answer, Client, environment } from "../support/worker.ts";

useFreshWorker();

const make = (backend: Backend, fields: Record<string, unknown> = {}, realm?: string): Promise<Answer> =>
  backend.post(`/v1/api-keys${realm === undefined ? "" : `?realm=${realm}`}`, {
    name: "backend",
    scopes: ["verify"],
    ...fields,
  });

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

describe("an API key", () => {
  it("CR-09 is made with ADMIN_KEY, shown once, and lies in the database as a hash", async () => {
    const made = await make(operator(), { name: "checkout", scopes: ["users:read", "verify"] }, "shop");
    expect(made.status).toBe(201);
    const { key, ...rest } = made.json.data;
    expect(rest).toEqual({
      id: key.split("_")[1],
      prefix: key.slice(0, 19),
      realm: "shop",
      name: "checkout",
      scopes: ["users:read", "verify"],
      return_urls: [],
      created_at: new Date().toISOString(),
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
    });

    const listed = await operator().get("/v1/api-keys?realm=shop");
    expect(listed.json.data).toEqual({ api_keys: [rest], next_cursor: null });
    const dump = JSON.stringify(await dumpDatabase());
    expect(dump).toContain(rest.id);
    expect(dump).not.toContain(key.slice(20));
    expect(await query("SELECT key_hash FROM api_keys")).toEqual([{ key_hash: await sha256Base64url(key) }]);
  });

  it("belongs to the realm that the operator names, or to that of the password users", async () => {
    const shop = await createRealm("shop");
    const made = await make(operator());
    const local = new Backend("local", made.json.data.key);
    expect(made.json.data.realm).toBe("local");
    for (const backend of [shop, local]) {
      const user = await backend.post("/v1/users", { username: "ada" });
      if (backend === local) expect(user).toMatchObject({ status: 403, json: { code: "forbidden" } });
      else expect(user.json.data.realm).toBe("shop");
    }
  });

  it("makes further keys for its own realm", async () => {
    const shop = await createRealm();
    const made = await make(shop, { name: "worker" });
    expect(made).toMatchObject({ status: 201, json: { data: { realm: "shop", name: "worker" } } });
    const worker = new Backend("shop", made.json.data.key);
    expect((await worker.verify("nobody", "123456")).status).toBe(404);
  });

  it("is recorded with its creator and its revoker, and without the key itself", async () => {
    const shop = await createRealm();
    const { id, key } = (await make(shop, { name: "worker" })).json.data;
    await shop.delete(`/v1/api-keys/${id}`);
    const { events } = (await shop.get("/v1/events")).json.data;
    expect(events).toMatchObject([
      { type: "api_key.created", actor: "admin", user: null, detail: { api_key: shop.keyId } },
      {
        type: "api_key.created",
        actor: shop.actor,
        detail: { api_key: id, name: "worker", scopes: "verify" },
      },
      { type: "api_key.revoked", actor: shop.actor, detail: { api_key: id } },
    ]);
    expect(JSON.stringify(events)).not.toContain(key.slice(20));
  });

  it("CR-09 lives twice under one name, so that one is changed for the other, and not three times", async () => {
    const shop = await createRealm("shop", { name: "first" });
    const [old, next] = [await make(shop), await make(shop)];
    expect([old.status, next.status]).toEqual([201, 201]);
    expect(await make(shop)).toMatchObject({ status: 409, json: { code: "conflict" } });
    for (const { json } of [old, next])
      expect((await new Backend("shop", json.data.key).verify("x", "123456")).status).toBe(404);

    // Another name and another realm have room of their own.
    expect((await make(shop, { name: "other" })).status).toBe(201);
    expect((await make(operator(), {}, "books")).status).toBe(201);
    await shop.delete(`/v1/api-keys/${old.json.data.id}`);
    expect((await make(shop)).status).toBe(201);
    expect((await make(shop)).status).toBe(409);
  });

  it("CR-09 that has ended by itself makes room for another of its name", async () => {
    const shop = await createRealm("shop", { name: "first" });
    for (const seconds of [60, 120])
      expect((await make(shop, { expires_at: inSeconds(seconds) })).status).toBe(201);
    expect((await make(shop)).status).toBe(409);
    advance(60);
    expect((await make(shop)).status).toBe(201);
    expect((await make(shop)).status).toBe(409);
  });

  it("CR-09 is made twice when twenty ask for one of a name at once", async () => {
    const shop = await createRealm("shop", { name: "first" });
    const far = shop.at(new Client(environment({ DB: delayD1(env.DB, 20) })));
    const answers = await Promise.all(Array.from({ length: 20 }, () => make(far)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, ...new Array(18).fill(409)]);
  });

  it("CR-09 ends at the exact second of its expiry, cached or not", async () => {
    const shop = await createRealm();
    const worker = await createKey(shop, "shop", { name: "worker", expires_at: inSeconds(45) });
    advance(44);
    expect((await worker.get("/v1/users")).status).toBe(200);
    advance(1);
    for (const backend of [worker, worker.at(new Client())]) {
      const answer = await backend.get("/v1/users");
      expect(answer).toMatchObject({ status: 401, json: { code: "invalid_api_key" } });
    }
    const { api_keys: keys } = (await shop.get("/v1/api-keys")).json.data;
    expect(keys.find(({ name }: { name: string }) => name === "worker").expires_at).toBe(inSeconds(0));
  });

  it("notes its last use, once a minute and not with every call", async () => {
    const shop = await createRealm();
    const worker = await createKey(shop, "shop", { name: "worker" });
    const lastUse = async () => {
      const { api_keys: keys } = (await shop.get("/v1/api-keys")).json.data;
      return keys.find(({ name }: { name: string }) => name === "worker").last_used_at;
    };
    expect(await lastUse()).toBeNull();
    const first = new Date().toISOString();
    await worker.get("/v1/users");
    expect(await lastUse()).toBe(first);
    advance(59);
    await worker.get("/v1/users");
    await worker.at(new Client()).get("/v1/users");
    expect(await lastUse()).toBe(first);
    advance(1);
    await worker.get("/v1/users");
    expect(await lastUse()).toBe(new Date().toISOString());
  });
});

describe("a revoked API key", () => {
  it("CR-09 is rejected at once in the isolate of its revocation, and within a minute where it is cached", async () => {
    const shop = await createRealm();
    const here = await createKey(shop, "shop", { name: "worker" });
    const elsewhere = here.at(new Client());
    for (const backend of [here, elsewhere]) expect((await backend.get("/v1/users")).status).toBe(200);

    const revoked = await shop.delete(`/v1/api-keys/${here.keyId}`);
    expect(revoked).toMatchObject({ status: 200, json: { data: { revoked_at: new Date().toISOString() } } });
    expect(await here.get("/v1/users")).toMatchObject({ status: 401, json: { code: "invalid_api_key" } });
    // An isolate that has not believed it before asks.
    expect((await here.at(new Client()).get("/v1/users")).status).toBe(401);
    advance(59);
    expect((await elsewhere.get("/v1/users")).status).toBe(200);
    advance(1);
    expect((await elsewhere.get("/v1/users")).status).toBe(401);
  });

  it("CR-09 is not kept alive by being used", async () => {
    const shop = await createRealm();
    const worker = await createKey(shop, "shop", { name: "worker" });
    const elsewhere = worker.at(new Client());
    await elsewhere.get("/v1/users");
    await shop.delete(`/v1/api-keys/${worker.keyId}`);
    const statuses: number[] = [];
    for (let seconds = 0; seconds < 75; seconds += 15) {
      statuses.push((await elsewhere.get("/v1/users")).status);
      advance(15);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 401]);
  });

  it("may be the one that revokes itself", async () => {
    const shop = await createRealm();
    expect((await shop.delete(`/v1/api-keys/${shop.keyId}`)).status).toBe(200);
    expect((await shop.get("/v1/users")).status).toBe(401);
  });

  it("stays in the list, and is not revoked a second time", async () => {
    const shop = await createRealm();
    const worker = await createKey(shop, "shop", { name: "worker" });
    const first = await shop.delete(`/v1/api-keys/${worker.keyId}`);
    advance(10);
    const second = await shop.delete(`/v1/api-keys/${worker.keyId}`);
    expect(second.json).toEqual(first.json);
    const { api_keys: keys } = (await shop.get("/v1/api-keys")).json.data;
    expect(keys).toContainEqual(first.json.data);
    expect(await query("SELECT id FROM audit_events WHERE type = 'api_key.revoked'")).toHaveLength(1);
  });

  it("leaves its fellow of the same name alone", async () => {
    const shop = await createRealm("shop", { name: "first" });
    const [old, next] = [await createKey(shop, "shop"), await createKey(shop, "shop")];
    await shop.delete(`/v1/api-keys/${old.keyId}`);
    expect((await old.get("/v1/users")).status).toBe(401);
    expect((await next.get("/v1/users")).status).toBe(200);
  });

  it("that is none is not found", async () => {
    const shop = await createRealm();
    for (const id of ["a".repeat(16), "x", "%00", "a".repeat(5000), shop.key, `sp_${shop.keyId}`])
      expect(await shop.delete(`/v1/api-keys/${id}`), id.slice(0, 20)).toMatchObject({
        status: 404,
        json: { code: "not_found" },
      });
  });
});

describe("what an API key may do", () => {
  const bodyOf = (example: unknown) => (example === undefined ? {} : { body: example });

  /** As the document describes it. A body that is rejected for its form shows that the caller was authorized. */
  const callsOf = (realm: string) =>
    serviceOperations.map(({ id, method, path, access, bodyExample }) => ({
      id,
      access,
      call: (backend: Backend) =>
        backend.client.call(`${path.replace(/:\w+/g, "nobody")}?realm=${realm}`, {
          method: method.toUpperCase(),
          token: backend.key,
          headers: withExportKey,
          // A caller can grant only its own scopes: the new key has the scope that this call needs.
          ...(id === "createApiKey" ? { body: { name: "new", scopes: ["admin"] } } : bodyOf(bodyExample)),
        }),
    }));

  it("CR-09 is what its scopes say, for each call: with that one alone it passes, with all others it doesn't", async () => {
    const client = new Client();
    const only = new Map<ApiKeyScope, Backend>();
    const allBut = new Map<ApiKeyScope, Backend>();
    for (const scope of apiKeyScopes) {
      only.set(scope, await createRealm("shop", { name: `only ${scope}`, scopes: [scope] }, client));
      const others = apiKeyScopes.filter((other) => other !== scope);
      allBut.set(scope, await createRealm("shop", { name: `no ${scope}`, scopes: others }, client));
    }
    const before = await dumpDatabase();
    const calls = callsOf("shop");
    expect(calls.length).toBeGreaterThanOrEqual(21);
    for (const { id, access, call } of calls) {
      expect(apiKeyScopes, id).toContain(access);
      const refused = await call(allBut.get(access as ApiKeyScope) as Backend);
      expect([refused.status, refused.json.code], id).toEqual([403, "forbidden"]);
      expect(refused.json.detail, id).toContain(access);
    }
    // Nothing has happened but that the keys were used.
    const { api_keys: _used, ...after } = await dumpDatabase();
    const { api_keys: _unused, ...untouched } = before;
    expect(after).toEqual(untouched);
    for (const { id, access, call } of calls) {
      const { status } = await call(only.get(access as ApiKeyScope) as Backend);
      expect([401, 403], id).not.toContain(status);
    }
  });

  it("is fixed for each call, so that nothing is opened wider unnoticed", () => {
    const needed = Object.fromEntries(serviceOperations.map(({ id, access }) => [id, access]));
    expect(needed).toMatchObject({
      listUsers: "users:read",
      createUser: "users:write",
      putUser: "users:write",
      getUser: "users:read",
      disableUser: "users:write",
      enableUser: "users:write",
      deleteUser: "users:write",
      verifyCode: "verify",
      startTotp: "users:write",
      confirmTotp: "users:write",
      removeTotp: "users:write",
      regenerateBackupCodes: "users:write",
      resetUser: "admin",
      unlockUser: "admin",
      listUserSessions: "users:read",
      endUserSessions: "users:write",
      endUserSession: "users:write",
      listEvents: "users:read",
      listApiKeys: "admin",
      createApiKey: "admin",
      revokeApiKey: "admin",
    });
  });

  it("CR-09 is no more than its maker may do", async () => {
    const admin = await createRealm("shop", { name: "admin", scopes: ["admin", "verify"] });
    for (const wanted of [["users:read"], ["verify", "users:write"], [...apiKeyScopes]]) {
      const refused = await make(admin, { scopes: wanted });
      expect(refused, wanted.join()).toMatchObject({ status: 403, json: { code: "forbidden" } });
    }
    expect((await make(admin, { scopes: ["verify", "admin"] })).status).toBe(201);
    const worker = await createRealm("shop", { name: "worker", scopes: ["verify", "users:write"] });
    expect((await make(worker)).status).toBe(403);
  });

  it("is rejected by the visitor's API, and the visitor's tokens are rejected as a key", async () => {
    const shop = await createRealm();
    for (const path of ["/session", "/sessions", "/totp"])
      expect((await shop.get(path)).status, path).toBe(401);
    expect((await shop.post("/step-up", { code: "123456" })).status).toBe(401);
  });
});

describe("a request without an API key", () => {
  /** Strings in the form of a key, and variations of a valid key. */
  const near = (key: string, other: string): Record<string, string> => ({
    garbage: "garbage",
    prefix: key.slice(0, 19),
    "prefix and separator": key.slice(0, 20),
    "one id with another's secret": key.slice(0, 20) + other.slice(20),
    "one character less": key.slice(0, -1),
    "one character more": `${key}A`,
    "twice the same": `${key}${key}`,
    "in upper case": key.toUpperCase(),
    "in lower case": key.toLowerCase(),
    "an id that nobody has": `sp_${"a".repeat(16)}${key.slice(19)}`,
    "of another make": key.replace("sp_", "sk_"),
    "ADMIN_KEY with more behind it": `${env.ADMIN_KEY}a`,
    "ADMIN_KEY with less": env.ADMIN_KEY.slice(0, -1),
    "ADMIN_KEY in another case": env.ADMIN_KEY.toLowerCase(),
    "ADMIN_KEY as the secret": `${key.slice(0, 20)}${env.ADMIN_KEY.slice(0, 43)}`,
  });

  it("CR-09 is rejected in the same way, whatever is wrong with it", async () => {
    const shop = await createRealm();
    const books = await createRealm("books");
    const none = visible(await new Client().call("/v1/users"));
    expect(none).toMatchObject({ status: 401 });
    for (const [what, token] of Object.entries(near(shop.key, books.key))) {
      // Where the key that it resembles is believed, and where it is not.
      for (const client of [shop.client, new Client()]) {
        const answer = await client.call("/v1/users", { token });
        expect(answer.json.code, what).toBe("invalid_api_key");
        expect(visible(answer), what).toEqual(none);
      }
    }
    expect((await shop.get("/v1/users")).status).toBe(200);
  });

  it("CR-09 is refused with a key of which one character is another, whichever it is", async () => {
    const shop = await createRealm();
    for (let at = 0; at < shop.key.length; at++) {
      const code = shop.key.charCodeAt(at);
      // The last character of base64url has bits that no byte needs: they count here.
      for (const flipped of [code ^ 1, code ^ 2]) {
        const token = shop.key.slice(0, at) + String.fromCharCode(flipped) + shop.key.slice(at + 1);
        const { status } = await shop.client.call("/v1/users", { token });
        expect(status, `character ${at}`).toBe(401);
      }
    }
  });

  it("CR-09 WB-10 is refused with a key that stands anywhere but in its header", async () => {
    const shop = await createRealm();
    const elsewhere: [string, Record<string, string>][] = [
      [`/v1/users?api_key=${shop.key}`, {}],
      [`/v1/users?token=${shop.key}`, {}],
      ["/v1/users", { "X-API-Key": shop.key }],
      ["/v1/users", { Cookie: `__Host-sallyport=${shop.key}` }],
      ["/v1/users", { Authorization: shop.key }],
      ["/v1/users", { Authorization: `Basic ${btoa(`${shop.key}:`)}` }],
      ["/v1/users", { Authorization: `Token ${shop.key}` }],
      ["/v1/users", { Authorization: `Bearer ${shop.key} ${shop.key}` }],
      ["/v1/users", { Authorization: `Bearer ${shop.key},` }],
    ];
    for (const [path, headers] of elsewhere) {
      const { status } = await new Client().call(path, { headers });
      expect(status, JSON.stringify([path, headers])).toBe(401);
    }
    const scheme = { Authorization: `bEARER ${shop.key}` };
    expect((await new Client().call("/v1/users", { headers: scheme })).status).toBe(200);
  });

  it("is told nothing else: not of a body, not of a user, not of an address below", async () => {
    const client = new Client();
    const calls = serviceOperations.map(({ id, method, path }) => [id, method, path] as const);
    for (const [id, method, path] of calls) {
      const answer = await client.call(path.replace(/:\w+/g, "nobody"), {
        method: method.toUpperCase(),
        ...(method === "get" ? {} : { body: "{" }),
      });
      expect([answer.status, answer.json.code], id).toEqual([401, "invalid_api_key"]);
    }
  });
});

describe("what a new API key is asked for", () => {
  it.each([
    ["no name", { name: undefined }],
    ["an empty name", { name: "" }],
    ["a name of 65 characters", { name: "x".repeat(65) }],
    ["a control character in its name", { name: "a\nb" }],
    ["no scopes", { scopes: [] }],
    ["a scope that there is not", { scopes: ["users"] }],
    ["scopes that are no list", { scopes: "verify" }],
    ["more scopes than there are", { scopes: [...apiKeyScopes, "verify"] }],
    ["an end in the past", { expires_at: "2020-01-01T00:00:00Z" }],
    ["an end that is now", { expires_at: "2030-01-07T12:00:10.000Z" }],
    ["an end without a zone", { expires_at: "2031-01-01T00:00:00" }],
    ["an end that is a number", { expires_at: 1_999_999_999 }],
    ["a day that there is not", { expires_at: "2031-02-30T00:00:00Z" }],
    ["an address without TLS", { return_urls: ["http://shop.example/"] }],
    ["an address with a query", { return_urls: ["https://shop.example/?a=b"] }],
    ["an address with a password", { return_urls: ["https://u:p@shop.example/"] }],
    ["an address with a fragment", { return_urls: ["https://shop.example/#a"] }],
    ["an address that is a script", { return_urls: ["javascript:alert(1)"] }],
    ["no address", { return_urls: ["shop.example"] }],
    ["too many addresses", { return_urls: new Array(21).fill("https://shop.example/") }],
  ])("is refused with %s, and nothing is made", async (_, fields) => {
    const answer = await make(operator(), fields);
    expect([answer.status, answer.json.code]).toEqual([422, "invalid_format"]);
    expect(await query("SELECT id FROM api_keys")).toEqual([]);
  });

  it("is kept as it was said", async () => {
    const fields = {
      name: "Kasse 1 – „Süd“",
      scopes: ["verify", "verify", "users:read"],
      expires_at: "2031-01-01T00:00:00Z",
      return_urls: [
        "https://shop.example/done",
        "http://localhost:3000/",
        "http://127.0.0.1/",
        "http://[::1]/",
      ],
    };
    const made = await make(operator(), fields);
    expect(made.json.data).toMatchObject({
      ...fields,
      scopes: ["verify", "users:read"],
      expires_at: "2031-01-01T00:00:00.000Z",
    });
  });
});
