import { describe, expect, it } from "vitest";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import { visible } from "../support/accounts.ts";
import {
  type Backend,
  createBackendUser,
  createRealm,
  enrolBackendUser,
  operator,
  userPath,
} from "../support/backend.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import { type Answer, code, createAccount } from "../support/worker.ts";

useFreshWorker();

type Params = Readonly<Record<string, string>>;

/** An operation with these parameters in its path, called as the document says it is. */
function callOperation(
  { id, method, path, bodyExample }: (typeof serviceOperations)[number],
  params: Params,
  body: Params = {},
) {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? "nothing"));
  const example = typeof bodyExample === "object" ? { ...bodyExample, ...body } : bodyExample;
  return {
    id,
    method,
    call: (backend: Backend, query = ""): Promise<Answer> =>
      backend.client.call(filled + query, {
        method: method.toUpperCase(),
        token: backend.key,
        ...(example === undefined || method === "get" ? {} : { body: example }),
      }),
  };
}

const withParams = serviceOperations.filter(({ path }) => path.includes(":"));
const parametersOf = (path: string) => [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);

/** What is in the database of a realm, but for its record: refusals may not change it. */
async function holdings(realm: string): Promise<unknown> {
  const { users = [], sessions, api_keys: keys = [], audit_events: events = [] } = await dumpDatabase();
  const own = (row: Record<string, unknown>) => row.realm === realm;
  // When a key was last used is noted behind the answer.
  const lasting = keys.filter(own).map(({ last_used_at: _, ...key }) => key);
  return { users: users.filter(own), sessions, keys: lasting, events: events.filter(own) };
}

/** Puts a session of its own behind each of some users, as if they had signed in. */
async function giveSession(userId: string, id: string): Promise<void> {
  const now = Date.now();
  await query(
    `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
     VALUES (?, 'full', ?, 0, '["pwd"]', ?, ?, ?, ?)`,
    id,
    userId,
    now,
    now,
    now,
    now + 3_600_000,
  );
}

describe("a key of one realm", () => {
  it("WB-09 gets for an object of another one what it gets for none, from every call that names an object", async () => {
    const shop = await createRealm("shop");
    const books = await createRealm("books");
    const theirs = await enrolBackendUser(shop, "42");
    const own = await enrolBackendUser(books, "7");
    await giveSession(theirs.storedId, "session-of-42");
    await giveSession(own.storedId, "session-of-7");
    const before = await holdings("shop");

    const objects: Params = { id: "42", session: "session-of-42", key: shop.keyId };
    for (const operation of withParams) {
      // The user is a stranger's; or the user is one's own, and what belongs to it is a stranger's.
      const names = parametersOf(operation.path);
      const strangers = names.map((name) => ({
        id: "7",
        session: "session-of-7",
        [name]: objects[name] ?? "x",
      }));
      for (const params of strangers) {
        // The right code of the right user, so that nothing but the realm can be in the way.
        const body = { code: await code(theirs.secret) };
        const { id, method, call } = callOperation(operation, params, operation.bodyExample ? body : {});
        if (method === "put") continue;
        const answer = await call(books);
        expect([answer.status, answer.json.code], `${id} ${JSON.stringify(params)}`).toEqual([
          404,
          "not_found",
        ]);
        const nobody = callOperation(operation, { ...params, ...nothingFor(params, objects) }, body);
        expect(visible(answer), id).toEqual(visible(await nobody.call(books)));
      }
    }
    expect(await holdings("shop")).toEqual(before);
    expect((await shop.verify("42", await code(theirs.secret))).status).toBe(200);
  });

  /** The same parameters with unknown names in place of those of another realm. */
  function nothingFor(params: Params, objects: Params): Params {
    const strange = Object.entries(params).filter(([name, value]) => objects[name] === value);
    return Object.fromEntries(strange.map(([name]) => [name, `no-${name}`]));
  }

  it("WB-09 creates a user of its own where another realm has one of the same id", async () => {
    const shop = await createRealm("shop");
    const books = await createRealm("books");
    const theirs = await enrolBackendUser(shop, "42", { username: "ada", email: "ada@shop.example" });
    const before = await holdings("shop");
    const put = await books.put(userPath("42"), { username: "ada" });
    expect(put).toMatchObject({
      status: 201,
      json: { data: { id: "42", realm: "books", username: "ada", email: null, totp_enabled: false } },
    });
    // Their code is nothing here, and the other way round.
    expect(await books.verify("42", await code(theirs.secret))).toMatchObject({
      status: 409,
      json: { code: "not_enabled" },
    });
    const enrolled = await enrolBackendUser(books, "43");
    expect((await shop.verify("42", await code(enrolled.secret))).status).toBe(401);
    await shop.verify("42", await code(theirs.secret));
    await books.delete(userPath("42"));
    expect((await shop.get(userPath("42"))).json.data).toMatchObject({ totp_enabled: true });
    expect(before).toMatchObject({ users: [{ username: "ada" }] });
  });

  it("WB-09 lists nothing of another realm", async () => {
    const shop = await createRealm("shop");
    const books = await createRealm("books");
    await enrolBackendUser(shop, "42");
    for (const [path, list] of [
      ["/v1/users", "users"],
      ["/v1/users?username=42", "users"],
      ["/v1/events?user=42", "events"],
      ["/v1/events?user=shop:42", "events"],
      ["/v1/events?type=totp.enabled", "events"],
    ] as const)
      expect((await books.get(path)).json.data[list], path).toEqual([]);
    const keys = (await books.get("/v1/api-keys")).json.data.api_keys;
    expect(keys.map(({ id }: { id: string }) => id)).toEqual([books.keyId]);
    const { events } = (await books.get("/v1/events")).json.data;
    expect(events).toMatchObject([{ type: "api_key.created", detail: { api_key: books.keyId } }]);
  });

  it("WB-09 may name its own realm, and gets 404 for any other from every call", async () => {
    const shop = await createRealm("shop");
    await createRealm("books");
    const user = await createBackendUser(shop, "42");
    await giveSession(user.storedId, "session-of-42");
    const objects: Params = { id: "42", session: "session-of-42", key: shop.keyId };
    const before = await holdings("shop");
    for (const operation of serviceOperations) {
      const { id, call } = callOperation(operation, objects);
      for (const realm of ["books", "nowhere", "local", "", "Shop", "shop%00", "*", "../shop"]) {
        const answer = await call(shop, `?realm=${realm}`);
        expect([answer.status, answer.json.code], `${id} ${realm}`).toEqual([404, "not_found"]);
      }
    }
    expect(await holdings("shop")).toEqual(before);
    expect((await shop.get("/v1/users?realm=shop")).json.data.users).toHaveLength(1);
    expect((await shop.get("/v1/users?realm=shop&realm=books")).json.data.users[0].realm).toBe("shop");
  });

  it("WB-09 of two realms whose names begin the same, sees its own", async () => {
    const [one, two] = [await createRealm("shop"), await createRealm("shop-2")];
    await createBackendUser(one, "2:42");
    await createBackendUser(two, "42");
    expect((await one.get(userPath("42"))).status).toBe(404);
    expect((await two.get(userPath("2:42"))).status).toBe(404);
    expect((await one.get("/v1/users")).json.data.users).toHaveLength(1);
  });
});

describe("the operator", () => {
  it("speaks for each realm by its name, and for that of the password users without one", async () => {
    const shop = await createRealm("shop");
    await createBackendUser(shop, "42");
    const account = await createAccount("ada");
    expect((await operator().get("/v1/users/42?realm=shop")).status).toBe(200);
    expect((await operator().get("/v1/users/42")).status).toBe(404);
    expect((await operator().get(`/v1/users/${account.id}`)).json.data.realm).toBe("local");
    expect((await operator().get(`/v1/users/${account.id}?realm=shop`)).status).toBe(404);
    for (const realm of ["Shop", "", "shop:", "a b", "x".repeat(65)])
      expect((await operator().get(`/v1/users?realm=${encodeURIComponent(realm)}`)).status, realm).toBe(404);
  });
});

describe("the sessions of a user", () => {
  it("SE-10 WB-09 are listed and ended by the backend of the user's realm, one by one or all, and no others", async () => {
    const admin = operator();
    const ada = await createAccount("ada");
    const bob = await createBackendUser(admin, "bob");
    const token = (await admin.client.login(ada)).json.session_token;
    await giveSession(ada.id, "second");
    await query("UPDATE sessions SET second_factor_at = created_at WHERE id <> 'second'");
    await giveSession(bob.storedId, "session-of-bob");

    const listed = await admin.get(`/v1/users/${ada.id}/sessions`);
    const { sessions } = listed.json.data;
    expect(sessions).toHaveLength(2);
    expect(sessions.find(({ id }: { id: string }) => id === "second")).toEqual({
      id: "second",
      aal: 1,
      amr: ["pwd"],
      created_at: new Date().toISOString(),
      last_seen_at: new Date().toISOString(),
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      client_address: null,
      user_agent: null,
    });
    expect(sessions.filter(({ aal }: { aal: number }) => aal === 2)).toHaveLength(1);
    expect(listed.text).not.toContain(token);

    const theirs = await admin.delete(`/v1/users/${ada.id}/sessions/session-of-bob`);
    expect(theirs).toMatchObject({ status: 404, json: { code: "not_found" } });
    expect((await admin.delete(`/v1/users/${ada.id}/sessions/second`)).json.data).toEqual({ ended: true });
    expect((await admin.delete(`/v1/users/${ada.id}/sessions/second`)).status).toBe(404);
    expect((await admin.client.call("/session", { token })).status).toBe(200);
    expect((await admin.delete(`/v1/users/${ada.id}/sessions`)).status).toBe(200);
    expect((await admin.client.call("/session", { token })).status).toBe(401);
    // There are none, and that is what was asked for.
    expect((await admin.delete(`/v1/users/${ada.id}/sessions`)).status).toBe(200);
    expect((await admin.get(`/v1/users/${bob.id}/sessions`)).json.data.sessions).toHaveLength(1);
    const { events } = (await admin.get(`/v1/events?user=${ada.id}&order=desc&limit=2`)).json.data;
    expect(events).toMatchObject([
      { type: "session.others_ended", actor: "admin", session: null },
      { type: "session.ended", actor: "admin", session: "second" },
    ]);
  });
});

describe("the id of a user", () => {
  /** Next to each other: what some layer or other might take for the same user. */
  const lookalikes = [
    ...["aB3", "Ab3", "ab3"],
    ...["42", "042", "42.0", "shop:42", "books:42", "a/../42", "42/totp"],
    ...["A", "%41", "%2541"],
    ...["a/b", "a%2Fb", "a\\b"],
    ...["a+b", "a%20b", "a", "a;b", "a?b", "a#b"],
    ...["x".repeat(128), "x".repeat(127)],
    ...["...", "....", "%", "*", "_", "'OR'1'='1"],
    ...["__proto__", "constructor", "null", "undefined"],
  ];

  it("is exact: whatever two ids look like, their users never share a second factor", async () => {
    const shop = await createRealm("shop");
    const enrolled = [];
    for (const [index, id] of lookalikes.entries()) {
      const user = await enrolBackendUser(shop, id, { username: `user-${index}` });
      enrolled.push(user);
    }
    expect(await query("SELECT id FROM users ORDER BY rowid")).toEqual(
      lookalikes.map((id) => ({ id: `shop:${id}` })),
    );
    for (const [index, { id, username, secret }] of enrolled.entries()) {
      const neighbour = enrolled.at(index - 1)?.secret ?? "";
      expect((await shop.verify(id, await code(neighbour))).status, id).toBe(401);
      expect((await shop.verify(id, await code(secret))).status, id).toBe(200);
      expect((await shop.get(userPath(id))).json.data, id).toMatchObject({ id, username });
    }
    await shop.delete(userPath("Ab3"));
    expect(await query("SELECT id FROM users")).toHaveLength(lookalikes.length - 1);
    expect((await shop.get(userPath("aB3"))).status).toBe(200);
  });

  it("INC-34 in an encoding that is none is no path of Sallyport's, and is written with its percent sign escaped", async () => {
    const shop = await createRealm("shop");
    for (const text of ["%zz", "%"]) {
      expect((await shop.put(`/v1/users/${text}`, {})).status).toBe(404);
      expect((await shop.put(userPath(text), {})).json.data.id).toBe(text);
    }
    // Escapes that are not UTF-8 are well formed, and one user in either way of writing.
    expect((await shop.put("/v1/users/%C0%AF", {})).json.data.id).toBe("%C0%AF");
    expect((await shop.put(userPath("%C0%AF"), {})).status).toBe(200);
    expect(await query("SELECT id FROM users")).toHaveLength(3);
  });

  it("that differs in case only has a name of its own to be given, because names don't", async () => {
    const shop = await createRealm("shop");
    await createBackendUser(shop, "aB3");
    expect(await shop.put(userPath("Ab3"), {})).toMatchObject({ status: 409, json: { code: "conflict" } });
    expect((await shop.get(userPath("Ab3"))).status).toBe(404);
    expect((await shop.put(userPath("Ab3"), { username: "ada" })).status).toBe(201);
  });

  it.each([
    ["one dot", "."],
    ["two dots", ".."],
    ["encoded dots", "%2e%2E"],
    ["a space", "a%20b"],
    ["a line feed", "a%0Ab"],
    ["a zero", "a%00b"],
    ["a letter that is not ASCII", "%C3%A9"],
    ["129 characters", "x".repeat(129)],
    ["5,000 characters", "x".repeat(5000)],
  ])("is not %s: no user is found, and none created", async (_, segment) => {
    const shop = await createRealm("shop");
    const calls = serviceOperations.filter(({ path }) => path.includes("/users/:id"));
    expect(calls.length).toBeGreaterThanOrEqual(14);
    for (const { id, method, path, bodyExample } of calls) {
      const { status } = await shop.client.call(path.replace(":id", segment).replace(":session", "x"), {
        method: method.toUpperCase(),
        token: shop.key,
        ...(bodyExample === undefined ? {} : { body: bodyExample }),
      });
      // With dots in it a path is another path by the time that it is here.
      expect(/^[.%2eE]+$/.test(segment) ? [404, 405] : [404], id).toContain(status);
    }
    const asField = { id: decodeURIComponent(segment), username: "ada" };
    expect((await shop.post("/v1/users", asField)).status).toBe(422);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("WB-09 of a user without one of the backend's own is found by itself alone", async () => {
    const shop = await createRealm("shop");
    const { id } = (await shop.post("/v1/users", { username: "ada" })).json.data;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await query("SELECT id FROM users")).toEqual([{ id }]);
    for (const other of [`shop:${id}`, id.toUpperCase(), `local:${id}`, `${id}%00`])
      expect((await shop.get(userPath(other))).status, other).toBe(404);
    expect((await shop.get(userPath(id))).json.data.username).toBe("ada");
    // It is taken, in whatever way it is named.
    expect((await shop.post("/v1/users", { id, username: "bob" })).status).toBe(409);
    expect((await shop.put(userPath(id), { username: "eve" })).status).toBe(200);
    expect(await query("SELECT username FROM users")).toEqual([{ username: "eve" }]);
  });
});

it("WB-09 a key's own realm is asked for by every statement that changes an account", async () => {
  const shop = await createRealm("shop");
  await createRealm("books");
  // A row of another realm, under exactly the id in the store that a name of this realm means.
  await createBackendUser(shop, "42");
  await query("UPDATE users SET realm = 'books', totp_enabled = 1, second_factor_failures = 7");
  const [before] = await query("SELECT * FROM users");
  for (const operation of serviceOperations.filter(({ path }) => path.includes("/users/:id"))) {
    if (operation.method === "put") continue;
    const { id, call } = callOperation(operation, { id: "42", session: "x" });
    expect((await call(shop)).status, id).toBe(404);
  }
  expect(await query("SELECT * FROM users")).toEqual([before]);
});
