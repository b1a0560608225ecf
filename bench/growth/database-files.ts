import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { applyMigrations } from "../fixtures/migrations.ts";
import { bundleBenchWorker, startWorkers } from "../workers.ts";

/** The folder in which Miniflare stores databases, and the path of each database. */
export interface DatabaseFiles {
  readonly folder: string;
  /** The id of the database for so many users. */
  idOf(users: number): string;
  /** @throws Error when there is no such database */
  pathOf(users: number): string;
  remove(): void;
}

/** Creates empty databases with Sallyport's tables, and closes them. */
export async function createDatabaseFiles(sizes: readonly number[]): Promise<DatabaseFiles> {
  const ids = sizes.map(idOf);
  const folder = mkdtempSync(join(tmpdir(), "sallyport-growth-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const bundle = bundleBenchWorker("./floors/bare.worker.ts");
    const workers = await startWorkers(
      ids.map((id) => ({ name: id, bundle, databases: { DB: id } })),
      { persistTo: folder },
    );
    try {
      for (const id of ids) await createTables(await workers.database(id, "DB"), id);
    } finally {
      await workers.stop();
    }
    const paths = new Map(listDatabases(folder).map((path) => [takeMark(path), path]));
    const pathOf = (users: number) => {
      const path = paths.get(idOf(users));
      if (path === undefined) throw new Error(`${folder} has no database for ${users} users`);
      return path;
    };
    return { folder, idOf, pathOf, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

const idOf = (users: number) => `growth-${users}`;

/** Stores the id as a mark in the database, because the file name does not contain it. */
async function createTables(db: D1Database, id: string): Promise<void> {
  await applyMigrations(db);
  await db.prepare("INSERT INTO throttles (key, failures, window_ends_at) VALUES (?, 0, 0)").bind(id).run();
}

function takeMark(path: string): string {
  const file = new DatabaseSync(path);
  try {
    const mark = file.prepare("DELETE FROM throttles RETURNING key").get() as { key: string };
    return mark.key;
  } finally {
    file.close();
  }
}

/** Lists all databases except Miniflare's own. */
const listDatabases = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sqlite") && entry.name !== "metadata.sqlite")
    .map((entry) => join(entry.parentPath, entry.name));
