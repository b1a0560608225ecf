import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { sha256BackupCode } from "../../src/core/crypto/backup-code-hashes.ts";
import { createRealm } from "../support/backend.ts";
import { countTrips, tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile, rfcSecret } from "../support/import-export.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, listEvents, query } from "../support/rows.ts";
import { Client, environment } from "../support/worker.ts";

useFreshWorker();

const realm = "shop";
const shop = { realm };

/** What a request came to, in short. */
const counts = ({ json }: { json: { data: Record<string, unknown> } }) => {
  const { created, unchanged, failed, lines, next_line } = json.data;
  return { created, unchanged, failed, lines, next_line };
};
const manyUsers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: String(index),
    username: `user-${index}`,
    secret: rfcSecret,
  }));

/** Everything but the counter that each request to import moves. */
async function dumpAccounts() {
  const { throttles: _, ...tables } = await dumpDatabase();
  return tables;
}

describe("an import that is cut off", () => {
  const users = manyUsers(450);
  const expectWhole = async () => {
    const rows = await query<{ id: string }>("SELECT id FROM users ORDER BY id");
    expect(rows.map(({ id }) => id)).toEqual(users.map(({ id }) => `shop:${id}`).sort());
    const events = await query<{ user_id: string }>(
      "SELECT user_id FROM audit_events WHERE type = 'user.imported' ORDER BY user_id",
    );
    expect(events.map(({ user_id }) => user_id)).toEqual(rows.map(({ id }) => id));
  };

  it("is complete and without doubles when it is sent again", async () => {
    const bytes = new TextEncoder().encode(fileOf(...users));
    let sent = 0;
    const dying = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent > bytes.length / 2) return controller.error(new Error("killed"));
        controller.enqueue(bytes.slice(sent, sent + 1000));
        sent += 1000;
      },
    });
    collectLogLines();
    const cut = await importFile(dying, shop);
    expect([cut.status, cut.json.code]).toEqual([400, "malformed_request"]);
    const [{ n } = { n: 0 }] = await query<{ n: number }>("SELECT count(*) AS n FROM users");
    expect(n).toBeGreaterThan(100);
    expect(n).toBeLessThan(300);
    expect(counts(await importFile(fileOf(...users), shop))).toMatchObject({
      created: 450 - n,
      unchanged: n,
      failed: 0,
    });
    await expectWhole();
  });

  it("says after a failure of the store with which line to go on", async () => {
    const lines = collectLogLines();
    let batches = 0;
    const db = tapD1(env.DB, ({ kind }) => {
      if (kind === "batch" && ++batches === 3) throw new Error(`D1_ERROR: ${rfcSecret}`);
    });
    const failed = await importFile(fileOf(...users), { ...shop, bindings: environment({ DB: db }) });
    expect(failed.status).toBe(503);
    expect(failed.headers.get("Retry-After")).toBe("5");
    expect(failed.json).toMatchObject({
      code: "store_unavailable",
      lines: 200,
      created: 200,
      failed: 0,
      next_line: 201,
      errors: [],
    });
    expect(lines.filter((line) => line.includes("import.interrupted"))).toHaveLength(1);
    const rest = fileOf(...users.slice(200));
    expect(counts(await importFile(rest, { ...shop, query: "first_line=201" }))).toEqual({
      lines: 250,
      created: 250,
      unchanged: 0,
      failed: 0,
      next_line: 451,
    });
    await expectWhole();
  });

  it("changes nothing with the chunk that failed, not even half of a user", async () => {
    collectLogLines();
    const broken = tapD1(env.DB, ({ kind }) => {
      if (kind === "batch") throw new Error("D1_ERROR");
    });
    const before = await dumpAccounts();
    await importFile(fileOf(...users), { ...shop, bindings: environment({ DB: broken }) });
    expect(await dumpAccounts()).toEqual(before);
  });

  it("may go on in two places at once, and creates each user once", async () => {
    const slow = () =>
      environment({ DB: tapD1(env.DB, () => new Promise((resolve) => setTimeout(resolve, 20))) });
    const both = await Promise.all([
      importFile(fileOf(...users), { ...shop, bindings: slow() }),
      importFile(fileOf(...users), { ...shop, bindings: slow() }),
    ]);
    const data = both.map(({ json }) => json.data);
    expect(data.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(data.reduce((total, { created }) => total + created, 0)).toBe(450);
    await expectWhole();
  });

  it("takes a batch for the limit, a read and a batch for 200 new users, and a read for those who are there", async () => {
    const file = fileOf(...users.slice(0, 200));
    for (const trips of [
      { reads: 1, batches: 2 },
      { reads: 1, batches: 1 },
    ]) {
      const counted = countTrips(env.DB);
      await importFile(file, { ...shop, bindings: environment({ DB: counted.db }) });
      expect(counted.trips).toEqual(trips);
    }
  });
});

describe("the body of an import", () => {
  it("WB-08 is limited to 8 MiB, which a length says before anything is done", async () => {
    const answer = await importFile(fileOf({ id: "1" }).padEnd(8 * 1024 * 1024 + 1), shop);
    expect([answer.status, answer.json.code, answer.json.next_line]).toEqual([413, "body_too_large", 1]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("WB-08 is limited without a length, too, and says with which line to go on", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        const line = sent === 1 ? fileOf({ id: "1" }) : `${" ".repeat(65_535)}\n`;
        controller.enqueue(new TextEncoder().encode(line));
      },
    });
    const answer = await importFile(endless, shop);
    expect(answer.status).toBe(413);
    expect(answer.json).toMatchObject({ code: "body_too_large", created: 1 });
    expect(answer.json.next_line).toBe(answer.json.lines + 1);
    expect(sent).toBeLessThan(140);
  });

  it("WB-08 is limited to 5,000 lines", async () => {
    const exactly = await importFile("\n".repeat(5000), shop);
    expect([exactly.status, exactly.json.data.next_line]).toEqual([200, 5001]);
    const more = await importFile(`${"\n".repeat(5000)}${fileOf({ id: "1" })}`, shop);
    expect([more.status, more.json.lines, more.json.next_line]).toEqual([413, 5000, 5001]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("WB-08 has to be called by its name", async () => {
    for (const type of ["application/json", "text/plain", "application/x-ndjsonx", "multipart/form-data"]) {
      const answer = await importFile(fileOf({ id: "1" }), { ...shop, headers: { "Content-Type": type } });
      expect([answer.status, answer.json.code]).toEqual([415, "unsupported_media_type"]);
    }
    const named = { "Content-Type": "Application/X-NDJSON; charset=utf-8" };
    expect((await importFile(fileOf({ id: "1" }), { ...shop, headers: named })).status).toBe(200);
  });

  it("may be empty", async () => {
    expect(counts(await importFile("", shop))).toEqual({
      lines: 0,
      created: 0,
      unchanged: 0,
      failed: 0,
      next_line: 1,
    });
  });

  it.each(["first_line=0", "first_line=-1", "first_line=x", "first_line=1e3", "first_line="])(
    "comes with a line number, which %s is not",
    async (query) => {
      const answer = await importFile(fileOf({ id: "1" }), { ...shop, query });
      expect([answer.status, answer.json.code]).toEqual([422, "invalid_format"]);
    },
  );

  it("is for the import alone as long as it likes", async () => {
    const body = JSON.stringify({ id: "x".repeat(20_000) });
    const answer = await new Client().post("/v1/users", body, { token: env.ADMIN_KEY });
    expect(answer.status).toBe(413);
  });
});

describe("the caller of an import", () => {
  it("WB-09 changes no user of another realm", async () => {
    const [one, two] = [await createRealm("one"), await createRealm("two")];
    const uuid = "0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11";
    const mine = fileOf({ id: "42", username: "ada", secret: rfcSecret }, { id: uuid, username: "bob" });
    const theirs = fileOf(
      { id: "42", username: "ada", email: "other@x.y" },
      { id: uuid, username: "bob", email: "other@x.y" },
      { id: "one:42", username: "eve" },
    );
    expect(counts(await importFile(mine, { token: one.key }))).toMatchObject({ created: 2 });
    const before = await query("SELECT * FROM users WHERE realm = 'one' ORDER BY id");
    expect(counts(await importFile(theirs, { token: two.key }))).toMatchObject({ created: 3, failed: 0 });
    expect(await query("SELECT * FROM users WHERE realm = 'one' ORDER BY id")).toEqual(before);
    const ids = await query<{ id: string }>("SELECT id FROM users WHERE realm = 'two' ORDER BY id");
    expect(ids.map(({ id }) => id)).toEqual([`two:${uuid}`, "two:42", "two:one:42"]);
    expect(before).toMatchObject([{ id: uuid }, { id: "one:42" }]);
    expect((await two.get("/v1/users/42")).json.data.email).toBe("other@x.y");
    const away = await importFile(mine, { token: two.key, realm: "one" });
    expect([away.status, away.json.code]).toEqual([404, "not_found"]);
  });

  it("CR-09 needs a key with the scope `admin`, or nothing is read", async () => {
    const backend = await createRealm(realm, { scopes: ["users:read", "users:write", "verify"] });
    const refused = await importFile(fileOf({ id: "1" }), { token: backend.key });
    expect([refused.status, refused.json.code]).toEqual([403, "forbidden"]);
    const unknown = await importFile(fileOf({ id: "1" }), { token: "x" });
    expect([unknown.status, unknown.json.code]).toEqual([401, "invalid_api_key"]);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("EN-13 LG-03 leaves a record of each user, and no secret in it or in the log", async () => {
    const lines = collectLogLines();
    const backend = await createRealm(realm);
    const hash = await sha256BackupCode("11111111");
    const passwordHash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    await importFile(
      fileOf(
        { id: "1", secret: rfcSecret, backup_codes: [hash, "2222-2222"], password_hash: passwordHash },
        { id: "2" },
        { id: "3", secret: "nonsense" },
      ),
      { token: backend.key },
    );
    const events = await listEvents("user.imported");
    expect(events.map(({ user_id, realm: of, detail }) => [user_id, of, JSON.parse(detail ?? "")])).toEqual([
      ["shop:1", "shop", { totp: true, password: "reset_required" }],
      ["shop:2", "shop", { totp: false, password: "none" }],
    ]);
    const [listed] = (await backend.get("/v1/events?type=user.imported")).json.data.events;
    expect(listed).toMatchObject({ user: "1", actor: backend.actor });
    const said = lines.join("\n") + JSON.stringify((await dumpDatabase()).audit_events);
    for (const secret of [rfcSecret, hash, "2222", passwordHash, "nonsense"])
      expect(said).not.toContain(secret);
  });

  it("CR-01 finds nothing in the database as it was sent", async () => {
    const hash = await sha256BackupCode("11111111");
    await importFile(fileOf({ id: "1", secret: rfcSecret, backup_codes: [hash] }), shop);
    const dump = JSON.stringify(await dumpDatabase());
    for (const secret of [rfcSecret, hash]) expect(dump).not.toContain(secret);
  });
});
