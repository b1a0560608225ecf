import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  type Backend,
  createBackendUser,
  createRealm,
  enrolBackendUser,
  operator,
  userPath,
} from "../support/backend.ts";
import { advance } from "../support/clock.ts";
import { delayD1, freezeReplica } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { query } from "../support/rows.ts";
import { Client, code, createAccount, environment, wrongCode } from "../support/worker.ts";

useFreshWorker();

interface Event {
  readonly id: string;
  readonly type: string;
  readonly user: string | null;
  readonly at: string;
  readonly actor: string | null;
}

async function list(backend: Backend, search = ""): Promise<{ events: Event[]; cursor: string | null }> {
  const answer = await backend.get(`/v1/events${search}`);
  if (answer.status !== 200) throw new Error(`GET /v1/events: ${answer.status} ${answer.text}`);
  return { events: answer.json.data.events, cursor: answer.json.data.next_cursor };
}

/** Asks again and again from where it was, until there is nothing new. */
async function readOn(backend: Backend, from: string | null, limit: number) {
  const events: Event[] = [];
  let cursor = from;
  for (;;) {
    const page = await list(backend, `?limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`);
    events.push(...page.events);
    cursor = page.cursor;
    if (page.events.length === 0) return { events, cursor };
  }
}

/** Writes many events, as other requests do. */
async function write(realm: string | null, count: number, type = "user.updated"): Promise<string[]> {
  const ids = Array.from({ length: count }, () => crypto.randomUUID());
  const insert = env.DB.prepare("INSERT INTO audit_events (id, at, type, realm) VALUES (?, ?, ?, ?)");
  await env.DB.batch(ids.map((id) => insert.bind(id, Date.now(), type, realm)));
  return ids;
}

const typesOf = (events: readonly Event[]) => events.map(({ type }) => type);

describe("the events of a realm", () => {
  it("LG-01 LG-02 EN-13 name actor, action, user, time and address, in order", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop, "42", { username: "ada" });
    advance(60);
    await shop.verify("42", await wrongCode(user.secret), { ip: "198.51.100.7" });
    await shop.verify("42", await code(user.secret), { ip: "2001:db8::1" });
    await shop.verify("42", await code(user.secret));
    await shop.put(userPath("42"), { email: "ada@example.com" });
    await shop.post(`${userPath("42")}/backup-codes`, { code: user.backupCodes[0] });
    await shop.post(`${userPath("42")}/disable`);
    await shop.post(`${userPath("42")}/enable`);
    await operator().post(`${userPath("42")}/unlock?realm=shop`);
    await operator().post(`${userPath("42")}/reset?realm=shop`);
    await shop.delete(userPath("42"));
    const { events } = await list(shop);
    expect(typesOf(events)).toEqual([
      "api_key.created",
      "user.created",
      "totp.setup_started",
      "second_factor.accepted",
      "totp.enabled",
      "second_factor.refused",
      "second_factor.accepted",
      "second_factor.replayed",
      "user.updated",
      "second_factor.accepted",
      "backup_codes.regenerated",
      "user.disabled",
      "user.enabled",
      "second_factor.unlocked",
      "second_factor.reset",
      "user.deleted",
    ]);
    expect(events[6]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      at: new Date().toISOString(),
      type: "second_factor.accepted",
      user: "42",
      session: null,
      actor: shop.actor,
      client_address: "2001:db8::1",
      user_agent: null,
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      detail: { method: "totp" },
    });
    expect(events.map(({ actor }) => actor)).toEqual([
      "admin",
      ...new Array(12).fill(shop.actor),
      "admin",
      "admin",
      shop.actor,
    ]);
    expect(events.slice(1).every(({ user: about }) => about === "42")).toBe(true);
  });

  it("LG-02 name the request by the id that its answer has", async () => {
    const shop = await createRealm();
    const answer = await shop.put(userPath("42"), {});
    const { events } = await list(shop, "?type=user.created");
    expect(events).toMatchObject([{ request_id: answer.headers.get("X-Request-Id") }]);
  });

  it("LG-03 hold no code, secret, backup code, key or receipt", async () => {
    const shop = await createRealm();
    const user = await enrolBackendUser(shop);
    const live = await code(user.secret);
    const { receipt } = (await shop.verify("42", live, { action: "pay", nonce: "n-81" })).json.data;
    const wrong = await wrongCode(user.secret, 987_654);
    await shop.verify("42", wrong);
    const { text } = await shop.get("/v1/events");
    for (const hidden of [live, wrong, user.secret, ...user.backupCodes, shop.key, receipt, "n-81"])
      expect(text).not.toContain(hidden);
  });

  it("LG-04 keep what a client writes about itself in its place", async () => {
    const shop = await createRealm();
    const hostile = '"}],"next_cursor":null} \u001b[31m 💥';
    await shop.put(userPath("42"), {}, { headers: { "User-Agent": encodeURI(hostile) } });
    await shop.post("/v1/api-keys", { name: hostile.replace("\u001b", ""), scopes: ["verify"] });
    const { events } = await list(shop);
    expect(events).toMatchObject([
      {},
      { type: "user.created", user_agent: encodeURI(hostile) },
      { type: "api_key.created", detail: { name: hostile.replace("\u001b", "") } },
    ]);
  });

  it("are filtered by user, by type, or both, deleted users included", async () => {
    const shop = await createRealm();
    await createBackendUser(shop, "42");
    await createBackendUser(shop, "43");
    await shop.delete(userPath("42"));
    await createBackendUser(shop, "42");
    const found = async (search: string) =>
      (await list(shop, search)).events.map(({ type, user }) => `${user} ${type}`);
    expect(await found("?user=42")).toEqual(["42 user.created", "42 user.deleted", "42 user.created"]);
    expect(await found("?type=user.created")).toEqual([
      "42 user.created",
      "43 user.created",
      "42 user.created",
    ]);
    expect(await found("?user=43&type=user.deleted")).toEqual([]);
    expect(await found("?user=42&type=user.created&order=desc&limit=1")).toEqual(["42 user.created"]);
    for (const search of ["?user=4", "?user=nobody", "?user=shop:42", "?type=user", "?type=%25", "?type="])
      expect(await found(search), search).toEqual([]);
    for (const search of ["?user=", "?user=a%20b", "?order=newest", "?order=DESC", `?type=${"x".repeat(65)}`])
      expect((await shop.get(`/v1/events${search}`)).status, search).toBe(422);
  });

  it("WB-09 are those of the realm, never of another realm, and never those without a realm", async () => {
    const [shop, books] = [await createRealm("shop"), await createRealm("books")];
    await createAccount("ada");
    await createBackendUser(books, "42");
    await write(null, 3);
    for (const limit of [1, 200]) {
      const { events } = await readOn(shop, null, limit);
      expect(events).toMatchObject([{ type: "api_key.created", actor: "admin" }]);
      const backwards = await list(shop, `?order=desc&limit=${limit}`);
      expect(backwards.events).toEqual(events);
    }
    const { events } = await list(books);
    expect(typesOf(events)).toEqual(["api_key.created", "user.created"]);
    expect(typesOf((await list(operator())).events)).toEqual(["user.created"]);
  });
});

describe("the cursor of events", () => {
  it("goes through all of them in pages of every length, both ways, without gap or double", async () => {
    const shop = await createRealm();
    await write("shop", 5);
    await write("books", 5);
    await write("shop", 6);
    const all = await query<{ id: string }>(
      "SELECT id FROM audit_events WHERE realm = 'shop' ORDER BY rowid",
    );
    const ids = all.map(({ id }) => id);
    expect(ids).toHaveLength(12);
    for (const limit of [1, 2, 11, 12, 200]) {
      expect(
        (await readOn(shop, null, limit)).events.map(({ id }) => id),
        `limit ${limit}`,
      ).toEqual(ids);
      const backwards: Event[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const page = await list(
          shop,
          `?order=desc&limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`,
        );
        backwards.push(...page.events);
        cursor = page.cursor;
      }
      expect(
        backwards.map(({ id }) => id),
        `limit ${limit} backwards`,
      ).toEqual(ids.toReversed());
    }
  });

  it("always continues: after the last page, the same cursor returns the new events", async () => {
    const shop = await createRealm();
    const { events, cursor } = await readOn(shop, null, 50);
    expect(events).toHaveLength(1);
    expect(cursor).not.toBeNull();
    expect(await list(shop, `?cursor=${cursor}`)).toEqual({ events: [], cursor });
    await createBackendUser(shop, "42");
    const next = await list(shop, `?cursor=${cursor}`);
    expect(typesOf(next.events)).toEqual(["user.created"]);
    // Backwards, it goes from there to the beginning.
    const back = await list(shop, `?order=desc&cursor=${next.cursor}`);
    expect(typesOf(back.events)).toEqual(["api_key.created"]);
    expect(back.cursor).toBeNull();
    const nobody = await list(await createRealm("empty"), "?type=nothing");
    expect(nobody).toEqual({ events: [], cursor: null });
  });

  it("misses nothing and repeats nothing while others write", async () => {
    const shop = await createRealm();
    const far = shop.at(new Client(environment({ DB: delayD1(env.DB, 3) })));
    const written = new Set<string>();
    let writing = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let round = 0; round < 6; round++) {
        const events = await write(writer % 2 === 0 ? "shop" : "books", 3);
        if (writer % 2 === 0) for (const id of events) written.add(id);
        await createBackendUser(far, `${writer}-${round}`);
      }
    });
    const reader = (async () => {
      const seen: Event[] = [];
      let cursor: string | null = null;
      for (let more = true; more; ) {
        more = writing;
        const part: Awaited<ReturnType<typeof readOn>> = await readOn(far, cursor, 4);
        seen.push(...part.events);
        cursor = part.cursor;
      }
      return seen;
    })();
    await Promise.all(writers).finally(() => {
      writing = false;
    });
    const ids = (await reader).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const stored = await query<{ id: string }>(
      "SELECT id FROM audit_events WHERE realm = 'shop' ORDER BY rowid",
    );
    expect(ids).toEqual(stored.map(({ id }) => id));
    for (const id of written) expect(ids).toContain(id);
    expect(ids.length).toBe(1 + 36 + 24);
  });

  it("goes on behind events that were removed because they were old", async () => {
    const shop = await createRealm();
    await write("shop", 6);
    const { cursor, events } = await list(shop, "?limit=4");
    await query("DELETE FROM audit_events WHERE id IN (?, ?)", events[0]?.id, events[3]?.id);
    expect((await list(shop, `?cursor=${cursor}`)).events).toHaveLength(3);
  });

  it("waits for a copy of the database that is behind, and jumps over nothing", async () => {
    const shop = await createRealm();
    await write("shop", 2);
    const far = shop.at(new Client(environment({ DB: await freezeReplica(env.DB) })));
    const before = await readOn(far, null, 10);
    expect(before.events).toHaveLength(3);
    const later = await write("shop", 2);
    expect((await list(far, `?cursor=${before.cursor}`)).events).toEqual([]);
    const caughtUp = await list(shop, `?cursor=${before.cursor}`);
    expect(caughtUp.events.map(({ id }) => id)).toEqual(later);
  });
});
