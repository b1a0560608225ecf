import { describe, expect, it } from "vitest";
import { operator } from "../support/backend.ts";
import { fastHashes, foreignPassword, scryptHashes, slowHashes } from "../support/foreign-hashes.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { exportAll, fileOf, importFile } from "../support/import-export.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { dumpDatabase, query } from "../support/rows.ts";
import { Client } from "../support/worker.ts";

useFreshWorker();

const readHash = async (username: string) =>
  (
    await query<{ password_hash: string }>(`SELECT password_hash FROM users WHERE username = '${username}'`)
  )[0]?.password_hash ?? "";

describe("an imported scrypt hash of another system", () => {
  it.each(Object.entries(scryptHashes))(
    "CR-06 signs in, and is replaced by a hash with today's parameters: %s",
    async (system, password_hash) => {
      const password = system === "spring" ? "password" : foreignPassword;
      const line = fileOf({ username: "ada", password_hash });
      expect((await importFile(line)).json.data).toMatchObject({ created: 1, reset_required: 0, notes: [] });
      const client = new Client();
      expect((await client.login({ username: "ada", password: `${password}.` })).status).toBe(401);
      expect((await client.login({ username: "ada", password })).status).toBe(200);
      expect(await readHash("ada")).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/);
      expect((await client.login({ username: "ada", password })).status).toBe(200);
      expect((await importFile(line)).json.data).toMatchObject({ unchanged: 1, failed: 0 });
    },
  );
});

describe("a scrypt hash that an earlier import kept with its padding", () => {
  it("is the same when the file is sent again", async () => {
    const stored = `$scrypt$ln=14,r=8,p=5$${"A".repeat(22)}$${"A".repeat(43)}`;
    const padded = `$scrypt$ln=14,r=8,p=5$${"A".repeat(22)}==$${"A".repeat(43)}=`;
    const line = fileOf({ id: "1", username: "ada", password_hash: padded });
    await importFile(line);
    expect(await readHash("ada")).toBe(stored);
    await query("UPDATE users SET password_hash = ?", padded);
    expect((await importFile(line)).json.data).toMatchObject({ unchanged: 1, failed: 0 });
  });
});

describe("an imported hash that is not computed here", () => {
  const lines = [...slowHashes, ...fastHashes].map(([, password_hash], index) => ({
    id: `u${index}`,
    username: `user-${index}`,
    password_hash,
  }));
  const users = fileOf(...lines);

  it("is reported with its form, and its account needs a new password", async () => {
    const { json } = await importFile(users);
    expect(json.data).toMatchObject({ created: lines.length, reset_required: lines.length, errors: [] });
    expect(json.data.notes).toEqual(
      [...slowHashes, ...fastHashes].map(([form], index) => ({
        line: index + 1,
        password: "reset_required",
        form,
      })),
    );
    for (const { id } of [lines[0], lines.at(-1)].filter((line) => line !== undefined))
      expect((await operator().get(`/v1/users/${id}?realm=local`)).json.data.password).toBe("reset_required");
    const logged = collectLogLines();
    for (const username of ["user-0", `user-${lines.length - 1}`]) {
      const refused = await new Client().login({ username, password: foreignPassword });
      expect([refused.status, refused.json.code]).toEqual([401, "invalid_credentials"]);
    }
    expect(logged.join("\n")).not.toContain("password_hash.unusable");
  });

  it("CR-06 is not in the database where it is guessed quickly", async () => {
    await importFile(users);
    const dump = JSON.stringify(await dumpDatabase());
    for (const [, hash] of fastHashes) expect(dump).not.toContain(hash.split("}").at(-1));
    for (const [, hash] of slowHashes) expect(dump).toContain(JSON.stringify(hash).slice(1, -1));
  });

  it("is unchanged when it is sent again, and when it comes from an export", async () => {
    await importFile(users);
    const again = { unchanged: lines.length, created: 0, failed: 0, reset_required: 0, notes: [] };
    expect((await importFile(users)).json.data).toMatchObject(again);
    const { file } = await exportAll();
    expect((await importFile(file)).json.data).toMatchObject(again);
  });

  it("is listed a hundred times, and counted as often as it is there", async () => {
    const many = Array.from({ length: 150 }, (_, index) => ({
      id: `u${index}`,
      password_hash: "{SSHA}AAAA",
    }));
    const { json } = await importFile(fileOf(...many));
    expect(json.data).toMatchObject({ created: 150, reset_required: 150 });
    expect(json.data.notes).toHaveLength(100);
  });
});

describe("an imported password that is not hashed", () => {
  it("LG-03 is refused and never stored or repeated", async () => {
    const answer = await importFile(fileOf({ id: "1", password_hash: "{noop}hunter2hunter2" }));
    expect(answer.json.data.errors).toEqual([
      {
        line: 1,
        code: "invalid_format",
        detail: "password_hash: is a password that is not hashed. Leave it out, and set a new password",
      },
    ]);
    expect(answer.text).not.toContain("hunter2");
    expect(await query("SELECT id FROM users")).toEqual([]);
  });
});
