import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type BaseResult, changeSince, findBase } from "../../scripts/mutants/git-change.ts";
import { mutants } from "../mutants/list.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-git-"));
  folders.push(folder);
  return folder;
}

/** A repository in a temporary folder, whose commits are so many hours after a fixed time. */
class Repository {
  readonly root = makeFolder();

  constructor() {
    this.git(0, "init", "--quiet", "--initial-branch=main");
  }

  git(hours: number, ...args: string[]): string {
    const date = `${1_800_000_000 + hours * 3600} +0000`;
    const identity = [
      "-c",
      "user.name=Test",
      "-c",
      "user.email=test@example.com",
      "-c",
      "commit.gpgsign=false",
    ];
    return execFileSync("git", [...identity, ...args], {
      cwd: this.root,
      encoding: "utf8",
      env: { ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    }).trim();
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  /** Commits everything, and returns the commit's id. */
  commit(hours: number, subject: string): string {
    this.git(hours, "add", "--all");
    this.git(hours, "commit", "--quiet", "--allow-empty", "--message", subject);
    return this.git(hours, "rev-parse", "HEAD");
  }

  clone(...args: string[]): string {
    const folder = join(makeFolder(), "clone");
    execFileSync("git", ["clone", "--quiet", ...args, `file://${this.root}`, folder]);
    return folder;
  }
}

const baseOf = (result: BaseResult) =>
  result.ok ? result.base : { commit: "none", account: result.message };

describe("the base of `npm run mutants -- --changed`", () => {
  const repository = new Repository();
  const old = repository.commit(0, "old");
  const dayBefore = repository.commit(24, "a day before");
  repository.git(40, "checkout", "--quiet", "-b", "side", old);
  const side = repository.commit(40, "side");
  repository.git(40, "checkout", "--quiet", "main");
  repository.commit(47, "within the day");
  repository.git(48, "merge", "--quiet", "--no-ff", "--message", "merge", "side");
  const { root } = repository;

  it("is the newest first-parent commit that is a day older than HEAD", () => {
    const { commit, account } = baseOf(findBase(root, undefined, undefined));
    assert.equal(commit, dayBefore);
    assert.match(
      account,
      /^Base: [0-9a-f]+ of 2027-01-16 \("a day before"\), the newest that is at least 24 hours older/,
    );
    assert.equal(baseOf(findBase(repository.clone(), undefined, "")).commit, dayBefore);
  });

  it("is where HEAD and a named commit, branch or preset have parted", () => {
    assert.equal(baseOf(findBase(root, "side", undefined)).commit, side);
    assert.deepEqual(baseOf(findBase(root, old, "side")), {
      commit: old,
      account: `Base: ${repository.git(0, "rev-parse", "--short", old)} of 2027-01-15 ("old")`,
    });
    assert.equal(baseOf(findBase(root, undefined, "side")).commit, side);
    repository.git(50, "checkout", "--quiet", "-b", "later", dayBefore);
    const { commit, account } = baseOf(findBase(root, "main", undefined));
    assert.equal(commit, dayBefore);
    assert.match(account, /where HEAD and main parted$/);
    repository.git(50, "checkout", "--quiet", "main");
  });

  it("is an error when a named one is not there, and no option of git", () => {
    for (const named of ["nowhere", "0".repeat(40), "--all", "", "HEAD:file"]) {
      const result = findBase(root, named, undefined);
      assert.equal(result.ok, false, named);
      assert.match(
        baseOf(result).account,
        /^There is no commit ".*" to compare with: the repository does not have it$/,
      );
    }
    const shallow = baseOf(findBase(repository.clone("--depth=1"), dayBefore, undefined));
    assert.match(shallow.account, /: this clone is shallow, and does not have it$/);
  });

  it("goes by age when the preset is not there, as after a forced push, and says so", () => {
    const { commit, account } = baseOf(findBase(root, undefined, "0".repeat(40)));
    assert.equal(commit, dayBefore);
    assert.match(account, /^MUTANTS_BASE is "0{40}": the repository does not have it\. Base: /);
  });

  it("is none where the history does not reach back a day, or where there is no git checkout", () => {
    const young = new Repository();
    assert.match(
      baseOf(findBase(young.root, undefined, undefined)).account,
      /^No base: there is no commit yet$/,
    );
    young.commit(0, "first");
    young.commit(23, "last");
    const cases: [string, RegExp][] = [
      [young.root, /^No base: the history has no commit that is 24 hours older than HEAD$/],
      [
        repository.clone("--depth=1"),
        /^No base: this clone is shallow, and has no commit that is 24 hours older/,
      ],
      [makeFolder(), /^No base: this folder is no git checkout/],
    ];
    for (const [folder, reason] of cases) {
      const { commit, account } = baseOf(findBase(folder, undefined, undefined));
      assert.equal(commit, null);
      assert.match(account, reason);
    }
  });

  it("is none where there is no git", () => {
    const path = process.env.PATH;
    process.env.PATH = makeFolder();
    try {
      assert.deepEqual(baseOf(findBase(root, undefined, undefined)), {
        commit: null,
        account: "No base: git can't be run here",
      });
      assert.match(baseOf(findBase(root, "main", undefined)).account, /: git can't be run here$/);
    } finally {
      process.env.PATH = path;
    }
  });
});

describe("what differs from the base", () => {
  const definition = (name: string, find: string) =>
    `  {\n    name: "${name}",\n    find: "${find}",\n  },\n`;

  it("is what was committed, changed, added, renamed and removed since, and each fault that reads otherwise", () => {
    const repository = new Repository();
    for (const name of ["same", "committed", "changed", "renamed", "removed"])
      repository.write(`src/${name}.ts`, name);
    repository.write("test/mutants/list.ts", definition("one", "a") + definition("two", "a"));
    repository.write(".gitignore", "ignored\n");
    const base = repository.commit(0, "base");
    repository.write("src/committed.ts", "other");
    repository.git(1, "mv", "src/renamed.ts", "src/ümlaut name.ts");
    repository.git(1, "rm", "--quiet", "src/removed.ts");
    repository.commit(1, "later");
    repository.write("src/changed.ts", "other");
    repository.write("src/added.ts", "new");
    repository.write("ignored", "new");
    repository.write("test/mutants/list.ts", definition("one", "a") + definition("two", "b"));
    repository.write("test/mutants/more.ts", definition("three", "a"));
    const change = changeSince(repository.root, base);
    assert.deepEqual([...(change?.files ?? [])].toSorted(), [
      "src/added.ts",
      "src/changed.ts",
      "src/committed.ts",
      "src/removed.ts",
      "src/renamed.ts",
      "src/ümlaut name.ts",
      "test/mutants/list.ts",
      "test/mutants/more.ts",
    ]);
    assert.deepEqual([...(change?.faults ?? [])].toSorted(), ["three", "two"]);
  });

  it("is named from the project's root where that is a folder of a larger repository", () => {
    const repository = new Repository();
    repository.write("project/test/mutants/list.ts", definition("one", "a"));
    repository.write("other/src/a.ts", "a");
    const base = repository.commit(0, "base");
    repository.write("project/test/mutants/list.ts", definition("one", "b"));
    repository.write("project/src/a.ts", "a");
    repository.write("other/src/a.ts", "b");
    const change = changeSince(join(repository.root, "project"), base);
    assert.deepEqual([...(change?.files ?? [])].toSorted(), ["src/a.ts", "test/mutants/list.ts"]);
    assert.deepEqual([...(change?.faults ?? [])], ["one"]);
  });

  it("is unknown where git can't tell", () => {
    assert.equal(changeSince(makeFolder(), "HEAD"), null);
  });
});

describe("npm run mutants -- --list", () => {
  /** The program as a copy of the project has it, with whatever git knows of that copy. */
  function list(folder: string, ...args: string[]) {
    const program = [join(folder, "scripts/mutants.ts"), "--list", ...args];
    const env = { ...process.env, MUTANTS_BASE: "" };
    const { status, stdout, stderr } = spawnSync(process.execPath, program, { encoding: "utf8", env });
    return { status, stdout, stderr, names: stdout.split("\n").filter((line) => /^[a-z0-9-]+$/.test(line)) };
  }

  const repository = new Repository();
  const project = fileURLToPath(new URL("../..", import.meta.url));
  const named = mutants
    .flatMap(({ file, tests }) => [file, ...tests])
    .map((path) => path.split("/", 1)[0] ?? "");
  for (const part of new Set(["package.json", "scripts", ...named])) {
    const filter = (path: string) => basename(path) !== "node_modules";
    cpSync(join(project, part), join(repository.root, part), { recursive: true, filter });
  }
  repository.commit(0, "a copy of the project");
  const all = mutants.map(({ name }) => name);

  it("names the faults whose source or tests a commit or the working tree has changed, and no other", () => {
    const [{ file = "" } = {}] = mutants;
    const ofFile = mutants.filter((mutant) => mutant.file === file).map(({ name }) => name);
    assert.deepEqual(list(repository.root).names, all);
    repository.write("README.md", "new");
    assert.deepEqual(list(repository.root, "--changed", "HEAD").names, []);
    appendFileSync(join(repository.root, file), "// A change\n");
    assert.deepEqual(list(repository.root, "--changed", "HEAD").names, ofFile);
    repository.commit(30, "a change");
    assert.deepEqual(list(repository.root, "--changed").names, ofFile);
    assert.deepEqual(list(repository.root, "--changed", "HEAD").names, []);
  });

  it("chooses among all when the base is unknown, and names those that it leaves out", () => {
    const { status, names, stdout } = list(repository.clone("--depth=1"), "--changed", "--at-most", "7");
    assert.equal(status, 0);
    assert.equal(names.length, 7);
    assert.match(stdout, /^No base: this clone is shallow/);
    assert.ok(stdout.includes(`so all ${all.length} faults run\n`));
    const [, count, rest = ""] =
      /^7 of these faults run, and ([0-9]+) are left out: (.*)$/m.exec(stdout) ?? [];
    assert.equal(Number(count), all.length - 7);
    assert.deepEqual([...names, ...rest.split(", ")].toSorted(), all.toSorted());
  });

  it("has every fault in one of the parts", () => {
    const parts = ["1/3", "2/3", "3/3"].flatMap((part) => list(repository.root, "--shard", part).names);
    assert.deepEqual(parts.toSorted(), all.toSorted());
  });

  it("refuses what it does not understand, with a line for each", () => {
    for (const [args, message] of [
      [["--changed", "nowhere"], /^There is no commit "nowhere"/],
      [["nowhere"], /^Unexpected argument "nowhere"/],
      [["--shard", "4/3"], /^--shard must be I\/N/],
      [["--at-most", "0"], /^--at-most must be a number/],
      [["--jobs", "two"], /^--jobs must be a number/],
      [["--only", "nothing"], /^No fault is named nothing/],
    ] as const) {
      const { status, stderr } = list(repository.root, ...args);
      assert.equal(status, 1);
      assert.match(stderr, message);
    }
  });
});
