import { canonicalizeUsername } from "../../src/core/parsing/username.ts";
import { query } from "./rows.ts";

/** Removes the exact name from an account of an external source, as in a row that is older than exact names. */
export async function makeUnclaimed(username: string): Promise<void> {
  await query(
    "UPDATE users SET username = ?, canonical_name = NULL WHERE username = ? AND realm <> 'local'",
    canonicalizeUsername(username) ?? username,
    username,
  );
}
