import { and, eq, isNull, ne, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertRowWhereStatement, joinConditionsWithAnd } from "../platform/conditional-insert.ts";
import { challenges, sessions, users } from "../platform/schema.ts";
import { type AuditEvent, type AuditEventType, insertEventWhereStatement } from "../service/audit.ts";
import type { Session } from "../sessions/session-rows.ts";
import { type ClaimAccountInput, claimAccountStatements } from "../users/external-names.ts";
import { generateApprovalPeriodId } from "./approvals.ts";
import { noSecondFactorColumnsExceptLastStep } from "./second-factor-columns.ts";

/** What an accepted code changes, in the batch that accepts it. */
export type AcceptedCodeEffect =
  /** Opens a session, and deletes the one that the code was submitted with. */
  | { readonly kind: "open_session"; readonly session: Session; readonly insteadOf: string }
  /** Sets the exact external name of the account, if it has none yet: that of the visitor that has shown the second factor. */
  | (Pick<ClaimAccountInput, "name" | "email" | "keep"> & {
      readonly kind: "claim_name";
      readonly eventId: string;
    })
  /** Keeps the session, and sets the time of its second factor. Null: it has none any more. */
  | {
      readonly kind: "set_second_factor";
      readonly sessionId: string;
      readonly amr: string[];
      readonly at: Date | null;
    }
  /** Deletes the sessions of the account but one. `keep` null: all of them. */
  | { readonly kind: "end_other_sessions"; readonly keep: string | null }
  /** Writes a pending secret. The secret in force stays until a code of the new one is accepted. */
  | { readonly kind: "start_enrolment"; readonly secretEnvelope: string; readonly expiresAt: Date }
  | { readonly kind: "disable_totp" }
  | { readonly kind: "replace_backup_codes"; readonly envelope: string }
  /** Completes a hosted challenge, and deletes the session that it has opened. */
  | {
      readonly kind: "complete_challenge";
      readonly challengeId: string;
      readonly sessionId: string;
      readonly amr: string[];
      readonly eventId: string;
    }
  | { readonly kind: "record"; readonly eventId: string; readonly type: AuditEventType };

interface EffectContext {
  readonly effects: readonly AcceptedCodeEffect[];
  readonly userId: string;
  readonly now: Date;
  readonly event: Omit<AuditEvent, "type">;
  /** The condition that the attempt was accepted. */
  readonly accepted: SQL;
}

/** The statements of the effects, in order. The condition of each is that the attempt was accepted. */
export function plannedEffectStatements(
  db: DrizzleD1Database,
  context: EffectContext,
): BatchItem<"sqlite">[] {
  return context.effects.flatMap((effect) => effectStatement(db, effect, context));
}

function effectStatement(
  db: DrizzleD1Database,
  effect: AcceptedCodeEffect,
  { userId, now, event, accepted }: EffectContext,
): BatchItem<"sqlite">[] {
  const account = and(eq(users.id, userId), accepted);
  switch (effect.kind) {
    case "open_session":
      return [
        insertRowWhereStatement(db, sessions, effect.session, accepted),
        db.delete(sessions).where(and(eq(sessions.id, effect.insteadOf), accepted)),
      ];
    case "claim_name": {
      const { eventId: id } = effect;
      const updated = { ...event, id, type: "user.updated", detail: { fields: "username" } } as const;
      return claimAccountStatements(
        db,
        { ...effect, event: updated, now },
        joinConditionsWithAnd(eq(users.id, userId), accepted),
      );
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
      // `totp_last_step` stays: an account accepts each step once, also with another secret (OTP-09).
      return [
        db
          .update(users)
          .set({
            ...noSecondFactorColumnsExceptLastStep,
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
        insertEventWhereStatement(db, completed, accepted),
      ];
    }
    case "record":
      return [insertEventWhereStatement(db, { ...event, id: effect.eventId, type: effect.type }, accepted)];
  }
}
