import { and, eq, exists, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement } from "../platform/conditional-insert.ts";
import { type Database, runD1Query } from "../platform/database.ts";
import { type AuditEventRow, auditEvents } from "../platform/schema.ts";

/** The types of audit events, which `docs/audit-events.md` explains. */
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

/** The client of a request, for audit events. */
export interface ClientAndActor {
  readonly requestId: string;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** Set when the account's owner does not act: `admin`, `api_key:<id>`, `rpc:<name>`. */
  readonly actor?: string;
}

/** An audit event before it is stored. */
export interface AuditEvent {
  readonly id: string;
  readonly at: Date;
  readonly type: AuditEventType;
  readonly client: ClientAndActor;
  readonly realm?: string | null;
  readonly userId?: string | null;
  readonly sessionId?: string | null;
  /** Names and figures only; never a code, secret, token or password. */
  readonly detail?: Record<string, string | number | boolean>;
}

/** Generates the id of an event. */
export const generateRandomEventId = (): string => crypto.randomUUID();

/** Columns of an event that are SQL expressions, because their values are known only in D1. */
export type LookedUpEventColumns = Partial<Record<"realm" | "userId" | "detail", SQL>>;

/** The statement that inserts the event if `condition` holds, for the batch that makes the change. */
export function insertEventWhereStatement(
  db: DrizzleD1Database,
  event: AuditEvent,
  condition: SQL,
  lookedUp: LookedUpEventColumns = {},
) {
  return insertRowWhereStatement(db, auditEvents, { ...toEventRow(event), ...lookedUp }, condition);
}

/** Inserts one event. One trip. */
export async function insertEvent(db: Database, event: AuditEvent): Promise<void> {
  await runD1Query(() => db.primary.insert(auditEvents).values(toEventRow(event)));
}

/** The condition "this event exists with this type". Ids are random, so only this batch can have written it. */
export function eventHasTypeCondition(db: DrizzleD1Database, id: string, type: AuditEventType): SQL {
  return eventExists(db, and(eq(auditEvents.id, id), eq(auditEvents.type, type)));
}

/** The condition "this event exists". */
export const eventExistsCondition = (db: DrizzleD1Database, id: string): SQL =>
  eventExists(db, eq(auditEvents.id, id));

const eventExists = (db: DrizzleD1Database, condition: SQL | undefined): SQL =>
  exists(db.select({ id: auditEvents.id }).from(auditEvents).where(condition));

/** Returns the row of an event. */
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
