import type { CodeInput } from "../core/code-input.ts";
import type { ClientContext } from "../store/audit.ts";
import { amrWith } from "./amr.ts";
import type { Evidence } from "./code-evaluation.ts";
import { bySession } from "./code-presenter.ts";
import type { Deps } from "./deps.ts";
import type { Failure } from "./failure.ts";
import { verifyCode } from "./second-factor.ts";
import { drawSession, type IssuedSession, issueSession, type PendingSession } from "./sessions.ts";

export interface SecondDoor {
  readonly session: PendingSession;
  /**
   * What the request shows of its first factor, which the full session is bound to. Null for a password. Not what opened
   * the pending session: another request may have opened it, and a site may have changed its cookie since.
   */
  readonly binding: string | null;
  readonly code: CodeInput;
  readonly client: ClientContext;
  readonly now: Date;
}

/** Opens the second of the two doors: an accepted code turns the pending session into a full one. */
export async function completeSignIn(
  deps: Deps,
  { session: pending, binding, code, client, now }: SecondDoor,
): Promise<{ ok: true; issued: IssuedSession; evidence: Evidence } | Failure> {
  const expiresAt = new Date(now.getTime() + deps.config.sessionMaxAgeSeconds * 1000);
  const accepted = await verifyCode(deps, {
    presenter: bySession(deps, pending, now),
    code,
    against: "live",
    client,
    now,
    plan: async ({ session }, evidence) => {
      const drawn = await drawSession(
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
        effects: [{ kind: "open_session", session: drawn.row, insteadOf: session.id }],
        outcome: drawn,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const issued = await issueSession(deps, { ...accepted.outcome, user: accepted.view.user }, now);
  return { ok: true, issued, evidence: accepted.evidence };
}
