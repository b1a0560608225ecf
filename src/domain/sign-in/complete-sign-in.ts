import type { ParsedCode } from "../../core/parsing/code-input.ts";
import type { AcceptedCodeEffect } from "../../store/second-factor/code-effects.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import type { SessionWithUser } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { addSecondFactorToAmr } from "../second-factor/amr.ts";
import type { RightCodeDetails } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import {
  type IssuedSession,
  issueSessionToken,
  type PendingSession,
  prepareSession,
} from "../sessions/sessions.ts";
import { externalNameColumns, isAccountOfExternalSubject, isUnclaimedAccount } from "./external-name.ts";
import { createCredentialsBinding } from "./external-sign-in.ts";
import type { ExternalIdentity, FirstFactorSource } from "./first-factor-source.ts";

/** A code that was submitted in a pending session, to complete the sign-in. */
export interface CompleteSignInInput {
  readonly session: PendingSession;
  /** The external first factor of the request with the code. It names the account of the session. Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
  readonly code: ParsedCode;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Completes a sign-in: an accepted code replaces the pending session by a full one. When no exact name has claimed the
 * account, the same batch claims it for the subject that has shown the second factor (INC-27). One read and one batch.
 */
export async function completeSignInWithCode(
  deps: Deps,
  { session: pending, source, code, client, now }: CompleteSignInInput,
): Promise<{ ok: true; issued: IssuedSession; evidence: RightCodeDetails } | Failure> {
  const identity = (await source?.identify()) ?? null;
  // Bound to this request's credentials, not to those that opened the pending session: the site may have changed its cookie since.
  const binding = await createCredentialsBinding(deps, source);
  const expiresAt = new Date(now.getTime() + deps.config.sessionMaxAgeSeconds * 1000);
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session: pending },
    code,
    against: "second_factor",
    client,
    now,
    planAcceptance: async (view, evidence) => {
      const { session } = view;
      const prepared = await prepareSession(
        {
          kind: "full",
          userId: session.userId,
          binding,
          amr: addSecondFactorToAmr(session.amr, evidence),
          firstFactorAt: session.firstFactorAt,
          secondFactorAt: now,
          expiresAt,
          client,
        },
        now,
      );
      return {
        effects: [
          { kind: "open_session", session: prepared.row, insteadOf: session.id },
          ...claim(deps, view, identity, prepared.row.id),
        ],
        outcome: prepared,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { user } = accepted.view;
  // Another request has renamed or claimed the account since it was read.
  const isOther =
    identity !== null &&
    (isUnclaimedAccount(deps, user) || !isAccountOfExternalSubject(deps, user, identity.username));
  if (isOther) return { ok: false, reason: "pending_session_over" };
  const username = identity?.username ?? user.username;
  const issued = await issueSessionToken(deps, { ...accepted.outcome, user, username }, now);
  return { ok: true, issued, evidence: accepted.evidence };
}

function claim(
  deps: Deps,
  { user }: SessionWithUser,
  identity: ExternalIdentity | null,
  keep: string,
): readonly AcceptedCodeEffect[] {
  if (identity === null || !isUnclaimedAccount(deps, user)) return [];
  const { username, canonicalName } = externalNameColumns(deps, identity.username);
  if (canonicalName === null) return [];
  const name = { realm: user.realm, username, canonicalName };
  return [{ kind: "claim_name", name, email: identity.email, keep, eventId: generateRandomEventId() }];
}
