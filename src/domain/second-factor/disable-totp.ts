import type { CodeInput } from "../../core/parsing/code-input.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import {
  type FullSession,
  type IssuedSession,
  prepareReplacementSession,
  reissueSession,
} from "../sessions/sessions.ts";
import { checkPassword } from "../sign-in/password-check.ts";
import { amrWithoutSecondFactor } from "./amr.ts";
import { verifyCode } from "./verify-code.ts";

export interface DisableRequest {
  readonly session: FullSession;
  readonly code: CodeInput;
  /** Only accounts that have a password need it. */
  readonly password: string | null;
  /** Can the caller be handed a new token? If not, its session stays, without its second factor. */
  readonly canTakeNewToken: boolean;
  /** From `core/tokens/known-devices.ts`: anything, or "". */
  readonly devices: string;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Switches two-factor authentication off: both factors are shown again, the password first, so that who has
 * only a stolen session learns nothing about codes. Every other session ends (EN-02, EN-08, EN-10).
 */
export async function disableTotp(
  deps: Deps,
  request: DisableRequest,
): Promise<{ ok: true; issued: IssuedSession | null } | Failure> {
  const { session, code, canTakeNewToken, client, now } = request;
  const password = await checkPassword(deps, request);
  if (!password.ok) return password;
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session, known: password.view },
    code,
    against: "second_factor",
    password,
    client,
    now,
    planAcceptance: async (view) => {
      const level = { amr: amrWithoutSecondFactor(view.session.amr), secondFactorAt: null };
      const drawn = canTakeNewToken
        ? await prepareReplacementSession(view.session, level, client, now)
        : null;
      return {
        effects: [
          drawn === null
            ? { kind: "set_second_factor", sessionId: session.id, amr: level.amr, at: null }
            : { kind: "open_session", session: drawn.row, insteadOf: session.id },
          { kind: "end_other_sessions", keep: drawn?.row.id ?? session.id },
          { kind: "disable_totp" },
          { kind: "record", eventId: generateEventId(), type: "totp.disabled" },
        ],
        outcome: drawn,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { outcome: drawn, view } = accepted;
  return {
    ok: true,
    issued: drawn === null ? null : await reissueSession(deps, session, { ...drawn, user: view.user }, now),
  };
}
