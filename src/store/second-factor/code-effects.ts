import { and, eq, isNull, ne, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { every, insertWhere } from "../platform/conditional-insert.ts";
import { challenges, sessions, users } from "../platform/schema.ts";
import { type AuditEvent, type AuditEventType, recordEventWhere } from "../service/audit.ts";
import type { Session } from "../sessions/session-rows.ts";
import { type Claim, claimStatements } from "../users/external-names.ts";
import { generateApprovalPeriodId } from "./approvals.ts";

/** What else happens if, and only if, a second factor was accepted. */
export type Effect =
  /** A new session in the place of the one that the code came with. */
  | { readonly kind: "open_session"; readonly session: Session; readonly insteadOf: string }
  /** The account takes the exact name of the subject that has shown its second factor, if none has claimed it yet. */
  | (Pick<Claim, "name" | "email" | "keep"> & { readonly kind: "claim_name"; readonly eventId: string })
  /** The session stays, and its second factor is as fresh as this attempt, or gone when `at` is null. */
  | {
      readonly kind: "set_second_factor";
      readonly sessionId: string;
      readonly amr: string[];
      readonly at: Date | null;
    }
  /** Null: all of them. */
  | { readonly kind: "end_other_sessions"; readonly keep: string | null }
  /** A new secret beside the one that has just been shown, which stays until the new one is confirmed. */
  | { readonly kind: "start_enrolment"; readonly secretEnvelope: string; readonly expiresAt: Date }
  | { readonly kind: "disable_totp" }
  | { readonly kind: "replace_backup_codes"; readonly envelope: string }
  /** A hosted challenge is done, and the session that it has opened is over with it. */
  | {
      readonly kind: "complete_challenge";
      readonly challengeId: string;
      readonly sessionId: string;
      readonly amr: string[];
      readonly eventId: string;
    }
  | { readonly kind: "record"; readonly eventId: string; readonly type: AuditEventType };

interface EffectContext {
  readonly effects: readonly Effect[];
  readonly userId: string;
  readonly now: Date;
  readonly event: Omit<AuditEvent, "type">;
  /** Holds when the attempt that they belong to was accepted. */
  readonly accepted: SQL;
}

/** The statements of the effects, in order; each asks by itself whether the code was accepted. */
export function effectStatements(db: DrizzleD1Database, context: EffectContext): BatchItem<"sqlite">[] {
  return context.effects.flatMap((effect) => effectStatement(db, effect, context));
}

function effectStatement(
  db: DrizzleD1Database,
  effect: Effect,
  { userId, now, event, accepted }: EffectContext,
): BatchItem<"sqlite">[] {
  const account = and(eq(users.id, userId), accepted);
  switch (effect.kind) {
    case "open_session":
      return [
        insertWhere(db, sessions, effect.session, accepted),
        db.delete(sessions).where(and(eq(sessions.id, effect.insteadOf), accepted)),
      ];
    case "claim_name": {
      const { eventId: id } = effect;
      const updated = { ...event, id, type: "user.updated", detail: { fields: "username" } } as const;
      return claimStatements(db, { ...effect, event: updated, now }, every(eq(users.id, userId), accepted));
    }
    case "set_second_factor":
      return [
        db
          .update(sessions)
          .set({ secondFactorAt: effect.at, amr: effect.amr })
          .where(and(eq(sessions.id, effect.sessionId), accepted)),
      ];
    case "end_other_sessions":
      return [
        db
          .delete(sessions)
          .where(
            and(
              eq(sessions.userId, userId),
              effect.keep === null ? undefined : ne(sessions.id, effect.keep),
              accepted,
            ),
          ),
      ];
    case "start_enrolment":
      return [
        db
          .update(users)
          .set({ totpPendingSecret: effect.secretEnvelope, totpPendingExpiresAt: effect.expiresAt })
          .where(account),
      ];
    case "disable_totp":
      // `totp_last_step` stays: a step is accepted once an account, whichever secret it was made with.
      return [
        db
          .update(users)
          .set({
            totpEnabled: false,
            totpSecret: null,
            totpSetupAt: null,
            backupCodes: null,
            ...noEnrolment,
            approvalPeriodId: generateApprovalPeriodId(),
            updatedAt: now,
          })
          .where(account),
      ];
    case "replace_backup_codes":
      return [db.update(users).set({ backupCodes: effect.envelope, updatedAt: now }).where(account)];
    case "complete_challenge": {
      const detail = { ...event.detail, challenge: effect.challengeId };
      const completed: AuditEvent = { ...event, id: effect.eventId, type: "challenge.completed", detail };
      return [
        db
          .update(challenges)
          .set({ completedAt: now, amr: effect.amr })
          .where(and(eq(challenges.id, effect.challengeId), isNull(challenges.completedAt), accepted)),
        db.delete(sessions).where(and(eq(sessions.id, effect.sessionId), accepted)),
        recordEventWhere(db, completed, accepted),
      ];
    }
    case "record":
      return [recordEventWhere(db, { ...event, id: effect.eventId, type: effect.type }, accepted)];
  }
}

const noEnrolment = { totpPendingSecret: null, totpPendingExpiresAt: null };
