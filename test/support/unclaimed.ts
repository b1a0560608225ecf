import { canonicalUsername } from "../../src/core/parsing/username.ts";
import { query } from "./rows.ts";

/** Makes an account of an external source what it would be if it were older than exact names: a row without one. */
export async function makeUnclaimed(username: string): Promise<void> {
  await query(
    "UPDATE users SET username = ?, canonical_name = NULL WHERE username = ? AND realm <> 'local'",
    canonicalUsername(username) ?? username,
    username,
  );
}
