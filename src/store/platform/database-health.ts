import { sql } from "drizzle-orm";
import { type Database, reachStore } from "./database.ts";

/** Runs `SELECT 1` on the primary. Throws StoreUnavailable when D1 fails. One trip. */
export async function pingDatabase(db: Database): Promise<void> {
  await reachStore(() => db.primary.run(sql`SELECT 1`));
}
