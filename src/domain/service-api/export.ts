import { parseBackupCodeHashes } from "../../core/crypto/backup-code-hashes.ts";
import { encryptFor, type Recipient } from "../../core/crypto/jwe-recipient.ts";
import { decodeTotpSecret } from "../../core/crypto/totp.ts";
import { backendUserId } from "../../core/parsing/user-id.ts";
import type { SealedColumn } from "../../store/platform/schema.ts";
import { insertEvent } from "../../store/service/audit.ts";
import { listForExport } from "../../store/users/exported-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { openUserField } from "../second-factor/sealed-fields.ts";
import { requireExportKey } from "./export-key.ts";
import { emailForm, minSecretBytes } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";
import { auditEventOf } from "./target-user.ts";

/** One read, and one JWE, take this many accounts. */
const partUsers = 500;

/** The `typ` of every part. */
const partType = "sallyport-export";

/** An export that is recorded: its parts, each made when it is asked for. */
export interface StartedExport {
  readonly ok: true;
  readonly parts: AsyncGenerator<string, void, undefined>;
}

/**
 * Writes down that the users of the realm are exported, and then hands them out: compact JWEs, each of which holds
 * lines as an import takes them. Their protected headers count the parts and mark the last one, so that what is
 * missing shows. An account with an envelope that does not open is left out and counted there: without its second
 * factor it would be open to whoever has its password.
 * Every export needs `EXPORT_KEY` beside the caller's own key (INC-29).
 *
 * @returns nothing before the record is written
 * @throws StoreUnavailable, in the middle of the parts too
 */
export async function exportUsers(
  deps: Deps,
  call: ServiceCall,
  recipient: Recipient,
): Promise<StartedExport | Failure> {
  const refused = await requireExportKey(deps, call, {
    deed: "users.exported",
    userId: null,
    username: null,
  });
  if (refused !== null) return refused;
  const detail = { alg: recipient.alg, ...(recipient.kid === undefined ? {} : { kid: recipient.kid }) };
  await insertEvent(deps.db, auditEventOf(call, "users.exported", null, detail));
  return { ok: true, parts: encryptParts(deps, call, recipient) };
}

async function* encryptParts(
  deps: Deps,
  call: ServiceCall,
  recipient: Recipient,
): AsyncGenerator<string, void, undefined> {
  let after = 0;
  let users = 0;
  let unreadable = 0;
  for (let part = 1; ; part += 1) {
    const rows = await listForExport(deps.db, call.realm, { after, limit: partUsers });
    const lines = await Promise.all(rows.map((row) => describeForImport(deps, call, row)));
    const readable = lines.filter((line) => line !== null);
    after = rows.at(-1)?.position ?? after;
    users += readable.length;
    unreadable += lines.length - readable.length;
    const last = rows.length < partUsers;
    const text = readable.map((line) => `${JSON.stringify(line)}\n`).join("");
    const header = {
      typ: partType,
      cty: "application/x-ndjson",
      part,
      ...(last ? { last, users, unreadable } : {}),
    };
    yield encryptFor(recipient, text, header);
    if (last) return;
  }
}

/** An account as a line of an import. Null: something of it does not open. */
async function describeForImport(deps: Deps, call: ServiceCall, row: User) {
  const open = async (column: SealedColumn) => {
    const envelope = row[column];
    if (!row.totpEnabled || envelope === null) return null;
    const opened = await openUserField(deps, { userId: row.id, column }, envelope, call.client, call.now);
    return opened.ok ? opened.text : undefined;
  };
  const [secret, codes] = await Promise.all([open("totpSecret"), open("backupCodes")]);
  if (secret === undefined || codes === undefined) return null;
  const time = (date: Date | null) => date?.toISOString() ?? undefined;
  return {
    id: backendUserId(row.realm, row.id),
    username: row.canonicalName ?? row.username,
    exact_name: row.canonicalName === null ? undefined : row.username,
    // Who comes from an external source gets his address from there again.
    email: row.email !== null && emailForm.test(row.email) ? row.email : undefined,
    secret: secret ?? undefined,
    allow_weak: (secret !== null && decodeTotpSecret(secret).length < minSecretBytes) || undefined,
    totp_setup_at: secret === null ? undefined : time(row.totpSetupAt),
    // It goes along without a secret, too: it never goes back.
    totp_last_step: row.totpLastStep || undefined,
    backup_codes: codes === null ? undefined : parseBackupCodeHashes(codes),
    password_hash: row.passwordHash ?? undefined,
    second_factor_failures: row.secondFactorFailures || undefined,
    second_factor_blocked_until: time(row.secondFactorBlockedUntil),
    created_at: time(row.createdAt),
    disabled_at: time(row.disabledAt),
  };
}
