import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { usageError } from "./failure.ts";
import type { Prompts } from "./prompts.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "that is not allowed",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
};

/** Says in words what the system has said in letters. */
export function describeFileError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  return usageError(`${path}: ${reasons[String(error.code)] ?? error.message}.`);
}

/** The text of a small file. */
export async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw describeFileError(path, error);
  });
}

/** What is read in pieces. */
export interface Input {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** How long it is. Null: nobody knows. */
  readonly bytes: number | null;
}

/**
 * Opens a file, or standard input for `-`. Reading it ends when the signal comes.
 *
 * @throws AdminError when it can't be read
 */
export async function openInput(path: string, signal: AbortSignal): Promise<Input> {
  if (path === "-") {
    if (process.stdin.isTTY) throw usageError("Standard input is this terminal: pipe a file in.");
    return { chunks: addAbortSignal(signal, process.stdin), bytes: null };
  }
  try {
    const handle = await open(path);
    const stat = await handle.stat();
    if (stat.isDirectory()) throw usageError(`${path}: it is a folder.`);
    const chunks = addAbortSignal(signal, handle.createReadStream());
    return { chunks, bytes: stat.isFile() ? stat.size : null };
  } catch (error) {
    throw describeFileError(path, error);
  }
}

/** Asks before a file is overwritten. */
export async function agreeToOverwrite(path: string, prompts: Prompts): Promise<void> {
  if (existsSync(path)) await prompts.consent(`${path} is there already. Overwrite it?`);
}

/**
 * Writes a file that only its owner can read, and that is there when all of it has been written, or not at all.
 *
 * @param write is given a function that appends
 */
export async function writeWhole(
  path: string,
  write: (append: (text: string | Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  let handle: FileHandle | undefined;
  try {
    const file = await open(draft, "wx", 0o600);
    handle = file;
    await write(async (text) => {
      await file.appendFile(text);
    });
    await file.sync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    await handle?.close().catch(() => {});
    if (handle !== undefined) await rm(draft, { force: true });
    throw describeFileError(path, error);
  }
}
