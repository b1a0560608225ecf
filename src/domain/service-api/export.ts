import { decodeBackupCodeHashes } from "../../core/crypto/backup-code-hashes.ts";
import { encryptToJwe, type RecipientPublicKey } from "../../core/crypto/jwe-recipient.ts";
import { decodeTotpSecret } from "../../core/crypto/totp.ts";
import { toBackendUserId } from "../../core/parsing/user-id.ts";
import type { SealedColumn } from "../../store/platform/schema.ts";
import { insertEvent } from "../../store/service/audit.ts";
import { listUsersInCreationOrder } from "../../store/users/exported-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { openUserFieldOrReportUnreadable } from "../second-factor/sealed-fields.ts";
import { requireAndAuditExportKey } from "./export-key.ts";
import { importedEmailPattern, minStrongSecretBytes } from "./imported-user.ts";
import type { ServiceCall } from "./service-caller.ts";
import { createServiceAuditEvent } from "./target-user.ts";

/** The number of accounts that one part has, which is one read and one JWE. */
const usersPerPart = 500;

/** The `typ` in the protected header of every part. */
const partType = "sallyport-export";

/** An export whose audit event is written. Each part is read and encrypted when the consumer pulls it. */
export interface StartedExport {
  readonly ok: true;
  readonly parts: AsyncGenerator<string, void, undefined>;
}

/**
 * Exports the users of the realm as compact JWEs, whose plaintext is lines that an import accepts. The audit event is
 * written before the first part. The protected headers number the parts and mark the last one, so that a missing part is
 * noticed. An account with an envelope that does not open is left out, and counted in the last header (`unreadable`):
 * imported without its second factor, the account would be protected by its password alone.
 * Every export needs `EXPORT_KEY` beside the caller's own key (INC-29).
 *
 * @throws StoreUnavailableError, also from the generator between two parts
 */
export async function exportUsers(
  deps: Deps,
  call: ServiceCall,
  recipient: RecipientPublicKey,
): Promise<StartedExport | Failure> {
  const refusal = await requireAndAuditExportKey(deps, call, {
    eventType: "users.exported",
    userId: null,
    username: null,
  });
  if (refusal !== null) return refusal;
  const detail = { alg: recipient.alg, ...(recipient.kid === undefined ? {} : { kid: recipient.kid }) };
  await insertEvent(deps.db, createServiceAuditEvent(call, "users.exported", null, detail));
  return { ok: true, parts: encryptParts(deps, call, recipient) };
}

async function* encryptParts(
  deps: Deps,
  call: ServiceCall,
  recipient: RecipientPublicKey,
): AsyncGenerator<string, void, undefined> {
  let after = 0;
  let users = 0;
  let unreadable = 0;
  for (let part = 1; ; part += 1) {
    const rows = await listUsersInCreationOrder(deps.db, call.realm, { after, limit: usersPerPart });
    const lines = await Promise.all(rows.map((row) => formatImportLine(deps, call, row)));
    const readable = lines.filter((line) => line !== null);
    after = rows.at(-1)?.position ?? after;
    users += readable.length;
    unreadable += lines.length - readable.length;
    const last = rows.length < usersPerPart;
    const text = readable.map((line) => `${JSON.stringify(line)}\n`).join("");
    const header = {
      typ: partType,
      cty: "application/x-ndjson",
      part,
      ...(last ? { last, users, unreadable } : {}),
    };
    yield encryptToJwe(recipient, text, header);
    if (last) return;
  }
}

/** Formats an account as a line that an import accepts. Null: one of its envelopes does not open. */
async function formatImportLine(deps: Deps, call: ServiceCall, row: User) {
  const open = async (column: SealedColumn) => {
    const envelope = row[column];
    if (!row.totpEnabled || envelope === null) return null;
    const opened = await openUserFieldOrReportUnreadable(
      deps,
      { userId: row.id, column },
      envelope,
      call.client,
      call.now,
    );
    return opened.ok ? opened.text : undefined;
  };
  const [secret, codes] = await Promise.all([open("totpSecret"), open("backupCodes")]);
  if (secret === undefined || codes === undefined) return null;
  const time = (date: Date | null) => date?.toISOString() ?? undefined;
  return {
    id: toBackendUserId(row.realm, row.id),
    username: row.canonicalName ?? row.username,
    exact_name: row.canonicalName === null ? undefined : row.username,
    // An external source may have sent an address that an import rejects. The next sign-in brings that one again.
    email: row.email !== null && importedEmailPattern.test(row.email) ? row.email : undefined,
    secret: secret ?? undefined,
    allow_weak: (secret !== null && decodeTotpSecret(secret).length < minStrongSecretBytes) || undefined,
    totp_setup_at: secret === null ? undefined : time(row.totpSetupAt),
    // Exported also for an account without a secret: the last accepted time step must never decrease.
    totp_last_step: row.totpLastStep || undefined,
    backup_codes: codes === null ? undefined : decodeBackupCodeHashes(codes),
    password_hash: row.passwordHash ?? undefined,
    second_factor_failures: row.secondFactorFailures || undefined,
    second_factor_blocked_until: time(row.secondFactorBlockedUntil),
    created_at: time(row.createdAt),
    disabled_at: time(row.disabledAt),
  };
}
