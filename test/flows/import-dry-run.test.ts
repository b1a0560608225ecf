import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile, rfcSecret } from "../support/import-export.ts";
import { dumpDatabase } from "../support/rows.ts";
import { environment } from "../support/worker.ts";

useFreshWorker();

const shop = { realm: "shop" };
const dryRun = { ...shop, query: "dry_run=true" };
const bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/** Everything but the counter that each request to import moves. */
async function dumpAccounts() {
  const { throttles: _, ...tables } = await dumpDatabase();
  return tables;
}

const mixed = [
  fileOf(
    { id: "1", username: "ada", secret: rfcSecret, password_hash: bcrypt },
    { id: "2", username: "bob", secret: rfcSecret, digits: 8 },
    { id: "1", username: "ada", secret: rfcSecret, password_hash: bcrypt },
    { id: "3", username: "ada" },
    { id: "1", username: "carol" },
  ),
  "not json\n\n",
  fileOf({ id: "4", backup_codes: ["1111-1111"], secret: rfcSecret }, { id: "5", user: "x" }),
].join("");

describe("a dry run of an import", () => {
  it("reports what the import then comes to, and writes no account and no event", async () => {
    await importFile(fileOf({ id: "4", backup_codes: ["1111-1111"], secret: rfcSecret }), shop);
    const before = await dumpAccounts();
    const told = (await importFile(mixed, dryRun)).json.data;
    expect(await dumpAccounts()).toEqual(before);
    expect(told).toMatchObject({
      ...{ dry_run: true, lines: 9, created: 1, unchanged: 2, failed: 5, next_line: 10 },
      notes: [{ line: 1, password: "reset_required", form: "bcrypt" }],
    });
    expect(told.errors.map(({ line, code }: { line: number; code: string }) => [line, code])).toEqual([
      [2, "unsupported_parameters"],
      [4, "conflict"],
      [5, "conflict"],
      [6, "malformed_request"],
      [9, "malformed_request"],
    ]);
    const done = (await importFile(mixed, shop)).json.data;
    expect({ ...done, dry_run: true }).toEqual(told);
  });

  it("finds a name that an earlier line has, however many lines are between them", async () => {
    const users = Array.from({ length: 450 }, (_, index) => ({ id: `u${index}`, username: `user-${index}` }));
    const file = fileOf(...users, { id: "other", username: "user-0" }, { id: "u1", username: "user-1" });
    const told = (await importFile(file, dryRun)).json.data;
    expect(told).toMatchObject({ created: 450, unchanged: 1, failed: 1, errors: [{ line: 451 }] });
    expect({ ...(await importFile(file, shop)).json.data, dry_run: true }).toEqual(told);
  });

  it("finds two spellings of one exact name, and their canonical name", async () => {
    const file = fileOf(
      { exact_name: "Ada" },
      { exact_name: "ADA" },
      { username: "ada" },
      { username: "bob" },
      { exact_name: "bob" },
    );
    const told = (await importFile(file, { realm: "origin", query: "dry_run=true" })).json.data;
    expect({ ...(await importFile(file, { realm: "origin" })).json.data, dry_run: true }).toEqual(told);
  });

  it("lists every line that fails, and every password that needs a reset", async () => {
    const users = Array.from({ length: 150 }, (_, index) => ({ id: `u${index}`, password_hash: bcrypt }));
    const { json } = await importFile(`${"x\n".repeat(150)}${fileOf(...users)}`, dryRun);
    expect(json.data.errors).toHaveLength(150);
    expect(json.data.notes).toHaveLength(150);
  });

  it("makes no batch but that of the limit", async () => {
    let batches = 0;
    const db = tapD1(env.DB, ({ kind }) => {
      if (kind === "batch") batches += 1;
    });
    await importFile(mixed, { ...dryRun, bindings: environment({ DB: db }) });
    expect(batches).toBe(1);
  });

  it("INC-29 needs EXPORT_KEY for an account of ADMIN_USERS as the import does", async () => {
    const bindings = environment({ ADMIN_USERS: "root" });
    const file = fileOf({ username: "root", secret: rfcSecret }, { username: "ada" });
    const told = await importFile(file, { query: "dry_run=true", bindings });
    expect(told.json.data).toMatchObject({ created: 1, failed: 1, errors: [{ line: 1, code: "forbidden" }] });
  });

  it.each(["1", "yes", "TRUE", ""])("is not asked for by %j", async (value) => {
    const answer = await importFile(fileOf({ id: "1" }), { ...shop, query: `dry_run=${value}` });
    expect([answer.status, answer.json.detail]).toEqual([422, "dry_run: must be true or false"]);
  });

  it("WB-08 is not taken for an import by a misspelling of its name", async () => {
    const answer = await importFile(fileOf({ id: "1" }), { ...shop, query: "dryrun=true" });
    expect(answer.json.detail).toBe('Unknown parameter "dryrun" (did you mean "dry_run"?).');
    expect((await dumpAccounts()).users).toEqual([]);
  });
});
