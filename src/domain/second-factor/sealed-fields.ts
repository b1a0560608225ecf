import {
  type OpenFieldResult,
  openField,
  type SealedFieldLocation,
  sealField,
} from "../../core/crypto/envelope.ts";
import type { Keyring } from "../../core/crypto/keyring.ts";
import { permanentD1NameOfSealedColumn, type SealedColumn } from "../../store/platform/schema.ts";
import { type ClientAndActor, generateRandomEventId, insertEvent } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";

/** A sealed column of an account. */
export interface SealedUserFieldLocation {
  readonly userId: string;
  readonly column: SealedColumn;
}

const placeOf = ({ userId, column }: SealedUserFieldLocation): SealedFieldLocation => ({
  table: "users",
  column: permanentD1NameOfSealedColumn(column),
  rowId: userId,
});

/** Encrypts a text for one column of one account: it opens nowhere else. */
export function sealUserField(
  keyring: Keyring,
  field: SealedUserFieldLocation,
  text: string,
): Promise<string> {
  return sealField(keyring, placeOf(field), text);
}

/** Seals a field again with the current key. Null: it does not open. */
export async function resealUserFieldIfReadable(
  keyring: Keyring,
  field: SealedUserFieldLocation,
  envelope: string,
): Promise<string | null> {
  const opened = await openField(keyring, placeOf(field), envelope);
  return opened.ok ? sealUserField(keyring, field, opened.text) : null;
}

/**
 * Decrypts a sealed column. When it does not open, logs an error and records the event `integrity.failed`: a key is missing in
 * `KEYRING`, or the row was changed outside Sallyport (CR-02).
 */
export async function openUserFieldOrReportUnreadable(
  deps: Deps,
  field: SealedUserFieldLocation,
  envelope: string,
  client: ClientAndActor,
  now: Date,
): Promise<{ ok: true; text: string } | Failure> {
  const opened = await openField(deps.config.keyring, placeOf(field), envelope);
  if (opened.ok) return opened;
  reportUnreadable(deps, field, opened, client, now);
  return { ok: false, reason: "field_unreadable" };
}

function reportUnreadable(
  deps: Deps,
  { userId, column }: SealedUserFieldLocation,
  opened: Extract<OpenFieldResult, { ok: false }>,
  client: ClientAndActor,
  now: Date,
): void {
  const why = opened.reason === "unknown_key" ? `key "${opened.kid}" is not in KEYRING` : "not authentic";
  const detail = { column: permanentD1NameOfSealedColumn(column), why };
  deps.log("error", "integrity.failed", { user_id: userId, ...detail, request_id: client.requestId });
  deps.defer(
    insertEvent(deps.db, {
      id: generateRandomEventId(),
      at: now,
      type: "integrity.failed",
      client,
      userId,
      detail,
    }),
  );
}
