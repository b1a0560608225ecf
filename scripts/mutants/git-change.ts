import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Change, changedDefinitions } from "./choice.ts";

/** The minimum age of the default base relative to HEAD. It is longer than a working session takes from commit to push. */
const windowHours = 24;

/** The commit that the project is compared with. */
export interface Base {
  /** Null when there is no such commit: then everything counts as changed. */
  readonly commit: string | null;
  /** The commit and the reason for it, as printed in the log. */
  readonly account: string;
}

export type BaseResult =
  | { readonly ok: true; readonly base: Base }
  | { readonly ok: false; readonly message: string };

/**
 * Finds the commit to compare with.
 *
 * @param named the base that the caller gives: a commit, branch or tag. It is an error when it does not exist.
 * @param preset the base from the environment, as set by a CI service. When it does not exist, the default applies:
 *   the newest first-parent ancestor of HEAD whose commit date is at least 24 hours before HEAD's
 */
export function findBase(root: string, named: string | undefined, preset: string | undefined): BaseResult {
  const obstacle = findObstacle(root);
  if (named !== undefined) {
    const base = obstacle === null ? commonBase(root, named) : null;
    if (base !== null) return { ok: true, base };
    return {
      ok: false,
      message: `There is no commit "${named}" to compare with: ${obstacle ?? absent(root)}`,
    };
  }
  if (obstacle !== null) return { ok: true, base: { commit: null, account: `No base: ${obstacle}` } };
  if (!preset) return { ok: true, base: baseByAge(root) };
  const found = commonBase(root, preset);
  if (found !== null) return { ok: true, base: found };
  const base = baseByAge(root);
  return {
    ok: true,
    base: { ...base, account: `MUTANTS_BASE is "${preset}": ${absent(root)}. ${base.account}` },
  };
}

/** Returns the differences between a commit and the working tree, including new files. Null when git fails. */
export function changeSince(root: string, commit: string): Change | null {
  const differing = git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--");
  const added = git(root, "ls-files", "--others", "--exclude-standard", "-z");
  if (differing === null || added === null) return null;
  const files = [...differing.split("\0"), ...added.split("\0")].filter((path) => path !== "");
  const faults = files
    .filter((path) => /^test\/mutants\/[^/]+\.ts$/.test(path) && existsSync(join(root, path)))
    .flatMap((path) => {
      const before = git(root, "show", `${commit}:./${path}`) ?? "";
      return changedDefinitions(before, readFileSync(join(root, path), "utf8"));
    });
  return { files: new Set(files), faults: new Set(faults) };
}

/** Returns the id of HEAD, or a fixed text when there is no commit. */
export const headId = (root: string): string => git(root, "rev-parse", "HEAD")?.trim() ?? "no commit";

/** Returns the reason why git cannot compare commits, or null. */
function findObstacle(root: string): string | null {
  if (git(root, "--version") === null) return "git can't be run here";
  if (git(root, "rev-parse", "--git-dir") === null)
    return "this folder is no git checkout, or git refuses to read it";
  return git(root, "rev-parse", "--verify", "--quiet", "HEAD") === null ? "there is no commit yet" : null;
}

/** Returns the merge base of HEAD and another commit, so that later changes on the other branch do not count. */
function commonBase(root: string, name: string): Base | null {
  const commit = git(
    root,
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${name}^{commit}`,
  )?.trim();
  if (!commit) return null;
  const common = git(root, "merge-base", commit, "HEAD")?.trim();
  if (!common) {
    const account = `Base: ${describe(root, commit)}, because HEAD and ${name} share no commit in this clone`;
    return { commit, account };
  }
  const parted = common === commit ? "" : `, where HEAD and ${name} parted`;
  return { commit: common, account: `Base: ${describe(root, common)}${parted}` };
}

function baseByAge(root: string): Base {
  const headSeconds = Number(git(root, "log", "-1", "--format=%ct", "HEAD"));
  const latest = headSeconds - windowHours * 3600;
  const commit = git(root, "rev-list", "-1", "--first-parent", `--min-age=${latest}`, "HEAD")?.trim();
  const rule = `${windowHours} hours older than HEAD`;
  if (commit)
    return { commit, account: `Base: ${describe(root, commit)}, the newest that is at least ${rule}` };
  const reason = isShallow(root) ? "this clone is shallow, and has" : "the history has";
  return { commit: null, account: `No base: ${reason} no commit that is ${rule}` };
}

const isShallow = (root: string) => git(root, "rev-parse", "--is-shallow-repository")?.trim() === "true";

const absent = (root: string) =>
  isShallow(root) ? "this clone is shallow, and does not have it" : "the repository does not have it";

const describe = (root: string, commit: string) =>
  git(root, "log", "-1", '--format=%h of %cs ("%s")', commit)?.trim() ?? commit;

/** Returns the output of git, or null when git fails or is not installed. */
function git(root: string, ...args: string[]): string | null {
  const { status, stdout } = spawnSync("git", args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return status === 0 ? stdout : null;
}
