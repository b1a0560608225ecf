import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { AdminTerminal, enter, runAdmin } from "../support/admin.ts";
import { buildAuthenticatorFiles } from "./import-files/authenticator-files.ts";
import { secretOf } from "./import-files/import-case.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-options-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing listens here: a dry run needs no server and no key. */
const env = { SALLYPORT_URL: "http://127.0.0.1:9" };

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

async function dryRun(name: string, ...more: readonly string[]) {
  const { code, stdout, stderr } = await runAdmin(["import", name, "--dry-run", "--json", ...more], env, {
    cwd: folder,
  });
  return { code, stderr, result: stdout === "" ? null : JSON.parse(stdout) };
}

const uris = write(
  "uris.txt",
  [
    `otpauth://totp/Shop:ada?secret=${secretOf()}&issuer=Shop`,
    `otpauth://totp/Forum:ada?secret=${secretOf()}&issuer=Forum`,
    `otpauth://totp/Shop:bob?secret=JBSWY3DPEHPK3PXP&issuer=Shop`,
    `otpauth://totp/Shop:eve?secret=${secretOf()}&issuer=Shop&digits=8`,
  ].join("\n"),
);

describe("the options of import", () => {
  it("lists what comes in and what does not, with the reason and the place, in a dry run without a server", async () => {
    const { code, stdout, stderr } = await runAdmin(["import", uris, "--dry-run"], env, { cwd: folder });
    assert.equal(code, 1);
    assert.match(stdout, /^entry 1 \(line 1\), ada of Shop: comes in$/m);
    assert.match(stdout, /^entry 2 \(line 2\), ada of Forum: Entry 1 has the same user name/m);
    assert.match(stdout, /^entry 3 \(line 3\), bob of Shop: .*shorter than 128 bits. Use --allow-weak/m);
    assert.match(stdout, /^entry 4 \(line 4\), eve of Shop: It has digits 8\. .*enrol again/m);
    assert.match(stdout, /^4 entries: 1 would come in, 3 would not\.\nNothing was sent\./m);
    assert.match(stderr, /^The file is a list of otpauth:\/\/ URIs\.$/m);
  });

  it("imports only one issuer, with names from where the operator says, and weak secrets when that is allowed", async () => {
    const shop = await dryRun(uris, "--issuer", "shop", "--allow-weak");
    assert.deepEqual([shop.result.importable, shop.result.left_out, shop.result.of_other_issuers], [2, 1, 1]);
    const labels = await dryRun(uris, "--username", "label", "--allow-weak");
    const names = labels.result.list.map(({ username }: { username: string }) => username);
    assert.deepEqual(names, ["shop:ada", "forum:ada", "shop:bob", "Shop:eve"]);
    const emails = await dryRun(uris, "--username", "email");
    assert.equal(emails.result.importable, 0);
    assert.match(emails.result.list[0].detail, /It has no email/);
    const table = write("table.csv", `user,email,id,secret\nada,a@example.com,7,${secretOf()}\n`);
    for (const [source, name] of [
      ["username", "ada"],
      ["email", "a@example.com"],
      ["id", "7"],
    ] as const)
      assert.equal((await dryRun(table, "--username", source)).result.list[0].username, name);
  });

  it("shows the names of a hostile file without obeying them", async () => {
    const name = "\u001b[2J\u202egnp";
    const hostile = write(
      "hostile.txt",
      `otpauth://totp/${encodeURIComponent(name)}:${encodeURIComponent(name)}?secret=${secretOf()}\n`,
    );
    const { stdout, stderr } = await runAdmin(["import", hostile, "--dry-run"], env, { cwd: folder });
    assert.match(stdout, /\\x1b\[2J\\u\{202e\}gnp/);
    for (const character of ["\u001b", "\u202e"]) assert.ok(!`${stdout}${stderr}`.includes(character));
  });

  it("reads a pipe", async () => {
    const input = `otpauth://totp/ada?secret=${secretOf()}\n`;
    const { code, stdout } = await runAdmin(["import", "-", "--dry-run", "--json"], env, { input });
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).importable, 1);
  });

  it("asks for the password of an encrypted file at a terminal, and only there", async () => {
    const vault = (await buildAuthenticatorFiles()).find(({ name }) => name === "aegis-encrypted");
    assert.ok(vault?.password !== undefined);
    const name = write("aegis.json", vault.content);
    const without = await dryRun(name);
    assert.equal(without.code, 2);
    assert.match(without.stderr, /encrypted.*\nSet SALLYPORT_IMPORT_PASSWORD/);

    const terminal = new AdminTerminal(["import", name, "--dry-run"], env, folder);
    await terminal.shows(/Password of aegis\.json/);
    terminal.type(`${vault.password}${enter}`);
    await terminal.shows(/6 entries: 2 would come in, 4 would not/);
    assert.equal(await terminal.exitCode, 1);
    assert.ok(!terminal.output.includes(vault.password));
  });

  it("refuses a format that there is not, and options that lines in Sallyport's own format can't have", async () => {
    const unknown = await dryRun(uris, "--format", "nonsense");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /no format nonsense\. The formats are: 2fas, /);
    const own = write("own.ndjson", `{"username":"ada"}\n{"username":"bob"}\n`);
    const refused = await dryRun(own, "--allow-weak");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--allow-weak can't be used/);
    const exported = await dryRun(own, "--format", "aegis", "--identity", "x.json");
    assert.match(exported.stderr, /--identity is for a file that export has written/);
  });

  it("says what an encrypted export of Bitwarden needs", async () => {
    const sealed = {
      encrypted: true,
      passwordProtected: true,
      salt: "x",
      kdfType: 0,
      encKeyValidation_DO_NOT_EDIT: "2.x",
      data: "2.x",
    };
    const { code, stderr } = await dryRun(write("bitwarden.json", JSON.stringify(sealed)));
    assert.equal(code, 2);
    assert.match(stderr, /is encrypted.*\nExport the vault again as \.json/);
  });
});
