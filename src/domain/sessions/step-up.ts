import type { ParsedCode } from "../../core/parsing/code-input.ts";
import type { AcceptedCodeEffect } from "../../store/second-factor/code-effects.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { addSecondFactorToAmr } from "../second-factor/amr.ts";
import type { RightCodeDetails } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import {
  type FullSession,
  type IssuedSession,
  prepareReplacementSessionRow,
  reissueSessionToken,
} from "./sessions.ts";

export interface StepUpInput {
  readonly session: FullSession;
  readonly code: ParsedCode;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Verifies a code and sets the time of the session's second factor to now. A session without a second factor gets a higher
 * level, so a new session replaces it (SE-03). A session that has verified one stays. Returns a new token in both cases.
 */
export async function stepUp(
  deps: Deps,
  { session, code, client, now }: StepUpInput,
): Promise<{ ok: true; issued: IssuedSession; evidence: RightCodeDetails } | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: "second_factor",
    client,
    now,
    planAcceptance: async (view, evidence) => {
      const level = { amr: addSecondFactorToAmr(view.session.amr, evidence), secondFactorAt: now };
      if (view.session.secondFactorAt === null) {
        const next = await prepareReplacementSessionRow(view.session, level, client, now);
        return {
          effects: [{ kind: "open_session", session: next.row, insteadOf: session.id }],
          outcome: next,
        };
      }
      const effect: AcceptedCodeEffect = {
        kind: "set_second_factor",
        sessionId: session.id,
        amr: level.amr,
        at: now,
      };
      const row = { ...view.session, ...level };
      return { effects: [effect], outcome: { row, secret: session.sessionSecret } };
    },
  });
  if (!accepted.ok) return accepted;
  const { outcome: next, view } = accepted;
  const issued = await reissueSessionToken(deps, session, { ...next, user: view.user }, now);
  return { ok: true, issued, evidence: accepted.evidence };
}
