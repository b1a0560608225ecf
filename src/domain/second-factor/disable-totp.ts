import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import {
  type FullSession,
  type IssuedSession,
  prepareReplacementSessionRow,
  reissueSessionToken,
} from "../sessions/sessions.ts";
import { checkPasswordInSession } from "../sign-in/password-check.ts";
import { removeSecondFactorFromAmr } from "./amr.ts";
import { verifyCode } from "./verify-code.ts";

export interface DisableTotpInput {
  readonly session: FullSession;
  readonly code: ParsedCode;
  /** Required for an account that has a password. */
  readonly password: string | null;
  /** `replace`: a new session and token. `keep`: the same session, lowered to the first factor, for a client that cannot take a new token. */
  readonly callerSession: "replace" | "keep";
  /** The value of the known-devices cookie, not yet verified; "" without one. */
  readonly devices: string;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/**
 * Disables two-factor authentication. Both factors are verified again, the password first: a client that has only a stolen
 * session learns nothing about codes. All other sessions of the account end (EN-02, EN-08, EN-10).
 */
export async function disableTotp(
  deps: Deps,
  request: DisableTotpInput,
): Promise<{ ok: true; issued: IssuedSession | null } | Failure> {
  const { session, code, callerSession, client, now } = request;
  const password = await checkPasswordInSession(deps, request);
  if (!password.ok) return password;
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session, known: password.view },
    code,
    against: "second_factor",
    password,
    client,
    now,
    planAcceptance: async (view) => {
      const level = { amr: removeSecondFactorFromAmr(view.session.amr), secondFactorAt: null };
      const prepared =
        callerSession === "replace"
          ? await prepareReplacementSessionRow(view.session, level, client, now)
          : null;
      return {
        effects: [
          prepared === null
            ? { kind: "set_second_factor", sessionId: session.id, amr: level.amr, at: null }
            : { kind: "open_session", session: prepared.row, insteadOf: session.id },
          { kind: "end_other_sessions", keep: prepared?.row.id ?? session.id },
          { kind: "disable_totp" },
          { kind: "record", eventId: generateRandomEventId(), type: "totp.disabled" },
        ],
        outcome: prepared,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { outcome: prepared, view } = accepted;
  return {
    ok: true,
    issued:
      prepared === null
        ? null
        : await reissueSessionToken(deps, session, { ...prepared, user: view.user }, now),
  };
}
