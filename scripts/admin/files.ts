import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { usageError } from "./failure.ts";
import type { Prompts } from "./prompts.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOSPC: "the disk is full",
};

/** Returns an AdminError with a readable message for a system error. Other errors are returned unchanged. */
export function describeFileError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  return usageError(`${path}: ${reasons[String(error.code)] ?? error.message}.`);
}

/** Reads the text of a small file. */
export async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw describeFileError(path, error);
  });
}

/** An input that is read in chunks. */
export interface Input {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The length. Null when it is unknown. */
  readonly bytes: number | null;
}

/**
 * Opens a file, or standard input for `-`. Reading ends when the signal is aborted.
 *
 * @throws AdminError when it cannot be read
 */
export async function openInput(path: string, signal: AbortSignal): Promise<Input> {
  if (path === "-") {
    if (process.stdin.isTTY) throw usageError("Standard input is a terminal. Use a pipe or a file name.");
    return { chunks: addAbortSignal(signal, process.stdin), bytes: null };
  }
  try {
    const handle = await open(path);
    const stat = await handle.stat();
    if (stat.isDirectory()) throw usageError(`${path}: it is a directory.`);
    const chunks = addAbortSignal(signal, handle.createReadStream());
    return { chunks, bytes: stat.isFile() ? stat.size : null };
  } catch (error) {
    throw describeFileError(path, error);
  }
}

/** Prompts for confirmation before a file is overwritten. */
export async function agreeToOverwrite(path: string, prompts: Prompts): Promise<void> {
  if (existsSync(path)) await prompts.consent(`${path} exists. Overwrite it?`);
}

/**
 * Writes a file with mode 600. Leaves no partial file when writing fails.
 *
 * @param write receives a function that appends
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
