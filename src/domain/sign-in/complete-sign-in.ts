import type { CodeInput } from "../../core/parsing/code-input.ts";
import type { Effect } from "../../store/second-factor/code-effects.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { SessionView } from "../../store/sessions/session-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { amrWith } from "../second-factor/amr.ts";
import type { Evidence } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import {
  type IssuedSession,
  issueSession,
  type PendingSession,
  prepareSession,
} from "../sessions/sessions.ts";
import { isAccountOf, isUnclaimed, storedName } from "./external-name.ts";
import { bindingNow } from "./external-sign-in.ts";
import type { ExternalIdentity, FirstFactorSource } from "./first-factor-source.ts";

export interface SecondFactorInput {
  readonly session: PendingSession;
  /** Of the first factor, for the request with the code; it names the account of the session. Null: a password was shown. */
  readonly source: FirstFactorSource | null;
  readonly code: CodeInput;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Opens the second of the two doors: an accepted code turns the pending session into a full one. An account that no exact
 * name has claimed is claimed by the same batch, for the subject that has just shown its second factor (INC-27).
 */
export async function completeSignIn(
  deps: Deps,
  { session: pending, source, code, client, now }: SecondFactorInput,
): Promise<{ ok: true; issued: IssuedSession; evidence: Evidence } | Failure> {
  const identity = (await source?.identify()) ?? null;
  // Not what opened the pending session: another request may have, and a site may have changed its cookie since.
  const binding = await bindingNow(deps, source);
  const expiresAt = new Date(now.getTime() + deps.config.sessionMaxAgeSeconds * 1000);
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session: pending },
    code,
    against: "second_factor",
    client,
    now,
    planAcceptance: async (view, evidence) => {
      const { session } = view;
      const drawn = await prepareSession(
        {
          kind: "full",
          userId: session.userId,
          binding,
          amr: amrWith(session.amr, evidence),
          firstFactorAt: session.firstFactorAt,
          secondFactorAt: now,
          expiresAt,
          client,
        },
        now,
      );
      return {
        effects: [
          { kind: "open_session", session: drawn.row, insteadOf: session.id },
          ...claim(deps, view, identity, drawn.row.id),
        ],
        outcome: drawn,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { user } = accepted.view;
  // Renamed, or claimed, by another request since it was read.
  const isOther =
    identity !== null && (isUnclaimed(deps, user) || !isAccountOf(deps, user, identity.username));
  if (isOther) return { ok: false, reason: "pending_session_over" };
  const username = identity?.username ?? user.username;
  const issued = await issueSession(deps, { ...accepted.outcome, user, username }, now);
  return { ok: true, issued, evidence: accepted.evidence };
}

function claim(
  deps: Deps,
  { user }: SessionView,
  identity: ExternalIdentity | null,
  keep: string,
): readonly Effect[] {
  if (identity === null || !isUnclaimed(deps, user)) return [];
  const { username, canonicalName } = storedName(deps, identity.username);
  if (canonicalName === null) return [];
  const name = { realm: user.realm, username, canonicalName };
  return [{ kind: "claim_name", name, email: identity.email, keep, eventId: generateEventId() }];
}
