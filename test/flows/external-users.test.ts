import { beforeEach, describe, expect, it } from "vitest";
import { createRealm, operator, userPath } from "../support/backend.ts";
import { createChallenge, shopUrls, statusOf, submitCode, visitChallenge } from "../support/challenges.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { exportAll, fileOf, importFile, rfcSecret } from "../support/import-export.ts";
import { externalFactors, NamedSite, typeCode } from "../support/named-site.ts";
import { listEvents, query } from "../support/rows.ts";
import { code } from "../support/worker.ts";

useFreshWorker();

// The accounts of external first factors, by the API: `ADMIN_KEY` speaks for their realms.

let named: NamedSite;

interface Row {
  readonly id: string;
  readonly username: string;
  readonly canonical_name: string | null;
}
const rows = () => query<Row>("SELECT id, username, canonical_name FROM users ORDER BY username");
const idOf = async (username: string) => (await rows()).find((row) => row.username === username)?.id ?? "";

describe.each(externalFactors)("the API of the accounts with FIRST_FACTOR=%s", (realm) => {
  beforeEach(async () => {
    named = await NamedSite.open(realm);
  });
  const list = async (username: string) => {
    const { json } = await operator().get(
      `/v1/users?realm=${realm}&username=${encodeURIComponent(username)}`,
    );
    return json.data.users.map((user: Row) => user.username);
  };
  const put = (id: string, body: object) => operator().put(`${userPath(id)}?realm=${realm}`, body);
  const counts = async (...lines: object[]) => {
    const { json } = await importFile(fileOf(...lines), { realm });
    const { created, unchanged, errors } = json.data;
    return { created, unchanged, errors: errors.map((error: { detail: string }) => error.detail) };
  };

  it("INC-27 finds an account by its name in any spelling, and says how each is spelled", async () => {
    for (const name of ["Ada", "ada", "ADA", "grace"]) await named.request(await named.visitor(name));
    for (const name of ["ada", "Ada", "ａｄａ"]) expect(await list(name)).toEqual(["ADA", "Ada", "ada"]);
    expect(await list("GRACE")).toEqual(["grace"]);
    expect(await list("nobody")).toEqual([]);
  });

  it("INC-27 leaves an exact name as it is when it is called by its canonical one, and takes it away with another", async () => {
    const visitor = await named.visitor("Ada");
    const secret = await visitor.enrol();
    const id = await idOf("Ada");
    const same = await put(id, { username: "ADA", email: "ada@example.com" });
    expect([same.status, same.json.data.username]).toEqual([200, "Ada"]);
    expect((await listEvents("user.updated")).map(({ detail }) => detail)).toEqual(['{"fields":"email"}']);
    expect(await named.userAt(visitor)).toBe("Ada");

    const renamed = await put(id, { username: "Ada.Lovelace" });
    expect([renamed.status, renamed.json.data.username]).toEqual([200, "ada.lovelace"]);
    expect(await rows()).toEqual([{ id, username: "ada.lovelace", canonical_name: null }]);
    // The source still names the earlier subject: the session is not that one's any more.
    advance(60);
    expect(await named.passes(visitor)).toBeNull();
    expect((await visitor.script("/api/auth/session")).status).toBe(401);
    const next = await named.visitor("Ada.Lovelace");
    expect(await named.redirectOf(next)).toBe("/second-factor");
    await next.load("/api/auth/second-factor");
    expect(await typeCode(next, secret)).toBe(true);
    expect((await named.passes(next))?.claims.sub).toBe(id);
    expect(await idOf("Ada.Lovelace")).toBe(id);
  });

  it("INC-27 ends a sign-in that waits for its code when the account gets another name", async () => {
    const visitor = await named.visitor("Ada");
    const secret = await visitor.enrol();
    visitor.cookies.delete("__Host-sallyport");
    await visitor.load("/api/auth/second-factor");
    await put(await idOf("Ada"), { username: "grace" });
    expect(await typeCode(visitor, secret)).toBe(false);
    expect(await named.passes(visitor)).toBeNull();
  });

  it("INC-27 keeps a hosted challenge of the account that its backend has named, whatever the account is called by now", async () => {
    const visitor = await named.visitor("Ada");
    const secret = await visitor.enrol();
    const backend = await createRealm(realm, { return_urls: shopUrls });
    const challenge = await createChallenge(backend, await idOf("Ada"));
    const browser = await visitChallenge(challenge);
    await put(await idOf("Ada"), { username: "grace" });
    expect(await statusOf(backend, challenge)).toMatchObject({ status: "opened" });
    await submitCode(browser, await code(secret));
    expect(await statusOf(backend, challenge)).toMatchObject({ status: "completed" });
  });

  it("INC-27 makes accounts that wait for a subject: the one that shows the imported second factor", async () => {
    const line = { username: "ADA", secret: rfcSecret };
    expect(await counts(line)).toEqual({ created: 1, unchanged: 0, errors: [] });
    const [visitor, other] = [await named.visitor("Ada"), await named.visitor("ada")];
    for (const browser of [visitor, other]) expect(await named.redirectOf(browser)).toBe("/second-factor");
    await visitor.load("/api/auth/second-factor");
    expect(await typeCode(visitor, rfcSecret)).toBe(true);
    expect(await named.userAt(visitor)).toBe("Ada");
    expect(await named.redirectOf(other)).toBe("/account/two-factor");
    // Sent again, the line is about the account that has been claimed.
    await query("DELETE FROM users WHERE username = 'ada'");
    expect(await counts(line)).toEqual({ created: 0, unchanged: 1, errors: [] });
    expect((await rows()).map(({ username }) => username)).toEqual(["Ada"]);
  });

  it("INC-27 moves accounts whose names differ in spelling, each with its own second factor", async () => {
    const secrets = new Map<string, string>();
    for (const name of ["victim", "VICTIM"]) secrets.set(name, await (await named.visitor(name)).enrol());
    await counts({ id: "waiting", username: "grace", secret: rfcSecret });
    const before = await rows();
    const { file, users } = await exportAll({ realm });
    const names = users.map(({ username, exact_name }) => [username, exact_name]);
    expect(names).toEqual([
      ["victim", "victim"],
      ["victim", "VICTIM"],
      ["grace", undefined],
    ]);
    await query("DELETE FROM users");
    const { json } = await importFile(file, { realm });
    expect([json.data.created, json.data.failed]).toEqual([3, 0]);
    expect(await rows()).toEqual(before);
    const again = await importFile(file, { realm });
    expect([again.json.data.unchanged, again.json.data.failed]).toEqual([3, 0]);
    for (const [name, secret] of secrets) {
      const visitor = await named.visitor(name);
      await visitor.load("/api/auth/second-factor");
      expect(await typeCode(visitor, secret)).toBe(true);
      expect(await named.userAt(visitor)).toBe(name);
    }
  });

  it("INC-27 refuses an exact name that no source can have, that is another name, or that is taken", async () => {
    for (const exact_name of [" ada", "a\u200bda", "m\ufffdller", "a".repeat(257)])
      expect((await counts({ id: "1", exact_name })).errors).toEqual(["exact_name: is not a valid name"]);
    expect((await counts({ id: "1", username: "grace", exact_name: "Ada" })).errors).toEqual([
      "exact_name: its canonical form is not username",
    ]);
    expect(await counts({ id: "1", exact_name: "Ada" })).toMatchObject({ created: 1 });
    expect(await counts({ id: "2", exact_name: "Ada" })).toMatchObject({ created: 0 });
    expect(await counts({ id: "3", exact_name: "ADA" })).toMatchObject({ created: 1 });
  });
});

describe("an exact name", () => {
  it("is none of accounts in other realms", async () => {
    named = await NamedSite.open("proxy");
    for (const realm of ["local", "shop"]) {
      const { json } = await importFile(fileOf({ id: "1", exact_name: "Ada" }), { realm });
      expect(json.data.errors[0]).toMatchObject({
        code: "invalid_format",
        detail: expect.stringContaining("exact_name"),
      });
    }
    expect(await rows()).toEqual([]);
  });
});
