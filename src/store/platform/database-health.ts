import { sql } from "drizzle-orm";
import { type Database, reachStore } from "./database.ts";

/** Asks the primary for nothing but an answer. */
export async function pingDatabase(db: Database): Promise<void> {
  await reachStore(() => db.primary.run(sql`SELECT 1`));
}
