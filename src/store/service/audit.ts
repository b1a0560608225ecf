import { and, eq, exists, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../platform/conditional-insert.ts";
import { type Database, reachStore } from "../platform/database.ts";
import { type AuditEventRow, auditEvents } from "../platform/schema.ts";

/** What can be written down. One name for each thing that happens; `docs/audit-events.md` explains them. */
export type AuditEventType =
  | "user.created"
  | "user.updated"
  | "user.disabled"
  | "user.enabled"
  | "user.deleted"
  | "user.imported"
  | "users.exported"
  | "export_key.accepted"
  | "export_key.refused"
  | "first_factor.accepted"
  | "first_factor.refused"
  | "second_factor.accepted"
  | "second_factor.refused"
  | "second_factor.replayed"
  | "second_factor.reset"
  | "second_factor.unlocked"
  | "totp.setup_started"
  | "totp.enabled"
  | "totp.disabled"
  | "backup_codes.regenerated"
  | "session.ended"
  | "session.others_ended"
  | "api_key.created"
  | "api_key.revoked"
  | "challenge.created"
  | "challenge.opened"
  | "challenge.completed"
  | "integrity.failed";

/** Who asks, from where: the part of an event that the request brings along. */
export interface ClientContext {
  readonly requestId: string;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** Who acts in the place of the account's owner: `admin`, `api_key:<id>`, `rpc:<name>`. */
  readonly actor?: string;
}

export interface AuditEvent {
  readonly id: string;
  readonly at: Date;
  readonly type: AuditEventType;
  readonly client: ClientContext;
  readonly realm?: string | null;
  readonly userId?: string | null;
  readonly sessionId?: string | null;
  /** Names and figures only; never a code, secret, token or password. */
  readonly detail?: Record<string, string | number | boolean>;
}

/** Draws the id of an event. */
export const generateEventId = (): string => crypto.randomUUID();

/** What of an event only the store knows. */
export type LookedUp = Partial<Record<"realm" | "userId" | "detail", SQL>>;

/** Writes the event if `condition` holds, as part of the batch whose deed it records. */
export function recordEventWhere(
  db: DrizzleD1Database,
  event: AuditEvent,
  condition: SQL,
  lookedUp: LookedUp = {},
) {
  return insertWhere(db, auditEvents, { ...toEventRow(event), ...lookedUp }, condition);
}

/** Writes an event that stands alone. One trip. */
export async function insertEvent(db: Database, event: AuditEvent): Promise<void> {
  await reachStore(() => db.primary.insert(auditEvents).values(toEventRow(event)));
}

/** The condition "this event was written in this batch, and as this type". */
export function eventIs(db: DrizzleD1Database, id: string, type: AuditEventType): SQL {
  return eventExists(db, and(eq(auditEvents.id, id), eq(auditEvents.type, type)));
}

/** The condition "this event was written in this batch, as whatever type". */
export const wasRecorded = (db: DrizzleD1Database, id: string): SQL =>
  eventExists(db, eq(auditEvents.id, id));

const eventExists = (db: DrizzleD1Database, condition: SQL | undefined): SQL =>
  exists(db.select({ id: auditEvents.id }).from(auditEvents).where(condition));

/** An event as it is stored. */
export function toEventRow(event: AuditEvent): AuditEventRow {
  return {
    id: event.id,
    at: event.at,
    type: event.type,
    realm: event.realm ?? null,
    userId: event.userId ?? null,
    sessionId: event.sessionId ?? null,
    clientAddress: event.client.address,
    userAgent: event.client.userAgent,
    requestId: event.client.requestId,
    actor: event.client.actor ?? null,
    detail: event.detail ?? null,
  };
}
