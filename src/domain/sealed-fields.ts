import { openField, sealField } from "../core/envelope.ts";
import type { Keyring } from "../core/keyring.ts";
import { type ClientContext, drawEventId, insertEvent } from "../store/audit.ts";
import type { Deps } from "./deps.ts";
import type { Failure } from "./failure.ts";

/** The columns of `users` that hold envelopes. */
export type SealedColumn = "totp_secret" | "totp_pending_secret" | "backup_codes";

/** Seals a text for one column of one account. */
export function sealUserField(
  keyring: Keyring,
  userId: string,
  column: SealedColumn,
  text: string,
): Promise<string> {
  return sealField(keyring, { table: "users", column, rowId: userId }, text);
}

/**
 * Opens one column of one account. What does not open is refused, written down and logged: either a key that
 * is still needed was taken out of `KEYRING`, or somebody has written to the database (STANDARDS CR-02).
 */
export async function openUserField(
  deps: Deps,
  field: { userId: string; column: SealedColumn; envelope: string },
  client: ClientContext,
  now: Date,
): Promise<{ ok: true; text: string } | Failure> {
  const { userId, column, envelope } = field;
  const opened = await openField(deps.config.keyring, { table: "users", column, rowId: userId }, envelope);
  if (opened.ok) return opened;
  const why = opened.reason === "unknown_key" ? `key "${opened.kid}" is not in KEYRING` : "not authentic";
  deps.log("error", "integrity.failed", { user_id: userId, column, why, request_id: client.requestId });
  deps.defer(
    insertEvent(deps.db, {
      id: drawEventId(),
      at: now,
      type: "integrity.failed",
      client,
      userId,
      detail: { column, why },
    }),
  );
  return { ok: false, reason: "field_unreadable" };
}
