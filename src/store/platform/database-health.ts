import { sql } from "drizzle-orm";
import { type Database, runD1Query } from "./database.ts";

/** Runs `SELECT 1` on the primary. Throws StoreUnavailableError when D1 fails. One trip. */
export async function pingDatabase(db: Database): Promise<void> {
  await runD1Query(() => db.primary.run(sql`SELECT 1`));
}
