import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ensureDevVars, secretNames } from "../../scripts/start/dev-vars.ts";

const privateFile = new URL("../../scripts/start/private-file.ts", import.meta.url).href;
const modeOf = (path: string) => statSync(path).mode & 0o777;

describe("the file that npm start writes secrets to", () => {
  let folder: string;
  let umask: number;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sallyport-dev-vars-"));
    umask = process.umask(0);
  });
  after(() => {
    process.umask(umask);
    rmSync(folder, { recursive: true, force: true });
  });

  it("INC-37 is made for its owner alone, whatever the umask is", () => {
    const path = join(folder, "new");
    const { generated, warning } = ensureDevVars(path);
    assert.deepEqual(generated, ["KEYRING", "ADMIN_KEY", "EXPORT_KEY"]);
    assert.deepEqual([modeOf(path), warning], [0o600, null]);
    const again = ensureDevVars(path);
    assert.deepEqual([again.generated, again.warning], [[], null]);
  });

  for (const mode of [0o644, 0o640, 0o604, 0o666, 0o777, 0o620]) {
    it(`INC-37 is closed to others, and that is said, when its mode is ${mode.toString(8)}`, () => {
      const path = join(folder, `open-${mode.toString(8)}`);
      const text = `ADMIN_KEY="a-key-that-stays"\n`;
      writeFileSync(path, text);
      chmodSync(path, mode);
      const { secrets, generated, warning } = ensureDevVars(path);
      assert.equal(modeOf(path), 0o600);
      assert.match(warning ?? "", new RegExp(`mode ${mode.toString(8)}\\)\\. The mode is now 600`));
      assert.deepEqual(generated, ["KEYRING", "EXPORT_KEY"]);
      assert.equal(secrets.ADMIN_KEY, "a-key-that-stays");
      assert.ok(readFileSync(path, "utf8").startsWith(text));
      for (const name of secretNames) assert.ok(!(warning ?? "").includes(secrets[name]), name);
    });
  }

  it("INC-37 is closed to others also when nothing is missing in it", () => {
    const path = join(folder, "complete");
    ensureDevVars(path);
    chmodSync(path, 0o644);
    assert.match(ensureDevVars(path).warning ?? "", /mode 644/);
    assert.equal(modeOf(path), 0o600);
  });

  it("INC-37 is refused when it can't be closed to others", { skip: process.getuid === undefined }, () => {
    // A file of another user. As root the test runs a program as another user; else it takes a file of root.
    const isRoot = process.getuid?.() === 0;
    const path = isRoot ? join(folder, "of-root") : "/etc/passwd";
    if (isRoot) {
      chmodSync(folder, 0o755);
      writeFileSync(path, "", { mode: 0o644 });
    }
    const script = `const { keepPrivate } = await import(${JSON.stringify(privateFile)});
      try { keepPrivate(${JSON.stringify(path)}); } catch (error) { console.log(error.message); }`;
    const asOther = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const args = ["--input-type=module", "--eval", script];
    const said = execFileSync(process.execPath, args, { encoding: "utf8", ...asOther });
    assert.match(said, /holds secrets.*\(mode 644\)\. Its mode could not be changed \(EPERM\)/);
    assert.equal(modeOf(path), 0o644);
  });

  it("holds secrets that differ, so that none can take the place of another", () => {
    const { secrets } = ensureDevVars(join(folder, "different"));
    assert.equal(new Set(Object.values(secrets)).size, secretNames.length);
  });
});
