import { generateTotpSecret } from "../../core/crypto/totp.ts";
import type { CodeInput } from "../../core/parsing/code-input.ts";
import { buildKeyUri } from "../../core/parsing/key-uri.ts";
import { type EnrolmentStart, startEnrolment } from "../../store/second-factor/pending-enrolments.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import { type Failure, secondsUntil, tooManyAttempts } from "../failure.ts";
import {
  type FullSession,
  type IssuedSession,
  prepareReplacementSession,
  reissueSession,
  sessionCutoffAt,
} from "../sessions/sessions.ts";
import { setupCounter, setupQuota } from "../sign-in/throttle.ts";
import { amrWith } from "./amr.ts";
import type { ChallengeSession } from "./challenge-session.ts";
import { sealUserField } from "./sealed-fields.ts";
import { verifyCode } from "./verify-code.ts";

/** How long a secret waits for its first code (EN-05). */
export const enrolmentTtlSeconds = 600;

/** How fresh the second factor must be to be replaced. */
export const replacementMaxAgeSeconds = 300;

/** What an authenticator app needs. It leaves the Worker once, in the answer to the request that made it. */
export interface NewSecret {
  readonly ok: true;
  /** Base32, 160 bits. */
  readonly secret: string;
  readonly keyUri: string;
  readonly expiresInSeconds: number;
}

/** A set-up that has begun. */
export interface Enrolment extends NewSecret {
  /** What the account may still begin, and until when that is all. */
  readonly quota: { readonly left: number; readonly seconds: number };
}

/**
 * Begins to set up two-factor authentication. Nothing changes for the account until the new secret's first
 * code is confirmed; an earlier enrolment that was not confirmed is void. An account begins only so many of them
 * in a while (TH-07). One batch.
 *
 * @param session that of a hosted challenge can set up a second factor, and never replace one
 */
export async function beginEnrolment(
  deps: Deps,
  session: FullSession | ChallengeSession,
  client: ClientContext,
  now: Date,
): Promise<Enrolment | Failure> {
  const { keyring, issuer } = deps.config;
  const secret = generateTotpSecret();
  const challenge = session.kind === "challenge" ? session.challenge : null;
  const { userId, realm } = session.kind === "challenge" ? session.challenge : session;
  const start = await startEnrolment(
    deps.db,
    {
      userId,
      sessionId: session.id,
      challengeId: challenge?.id ?? null,
      cutoff: sessionCutoffAt(deps, now),
      secretEnvelope: await sealUserField(keyring, { userId, column: "totpPendingSecret" }, secret),
      expiresAt: new Date(now.getTime() + enrolmentTtlSeconds * 1000),
      secondFactorSince: new Date(now.getTime() - replacementMaxAgeSeconds * 1000),
      counter: await setupCounter(keyring, userId),
    },
    {
      id: generateEventId(),
      at: now,
      type: "totp.setup_started",
      client,
      realm,
      userId,
      sessionId: session.id,
    },
  );
  if (start.session === null || start.user === null)
    return { ok: false, reason: challenge === null ? "session_over" : "challenge_over" };
  const blockedUntil = findBlock(start, now);
  if (!start.started) {
    if (blockedUntil !== null) return tooManyAttempts(blockedUntil, now, "setup");
    return challenge === null
      ? { ok: false, reason: "step_up_required", maxAgeSeconds: replacementMaxAgeSeconds }
      : { ok: false, reason: "already_enabled" };
  }
  const left = blockedUntil === null ? setupQuota.most - (start.counted?.failures ?? 0) : 0;
  const quota = { left, seconds: secondsUntil(blockedUntil ?? start.counted?.windowEndsAt ?? now, now) };
  const keyUri = buildKeyUri({ issuer, account: start.user.username, secret });
  return { ok: true, secret, keyUri, expiresInSeconds: enrolmentTtlSeconds, quota };
}

function findBlock({ counted }: EnrolmentStart, now: Date): Date | null {
  const until = counted?.blockedUntil ?? null;
  return until !== null && until > now ? until : null;
}

export interface ConfirmEnrolmentInput {
  readonly session: FullSession;
  readonly code: CodeInput;
  /** The secret that the caller believes to confirm, if it says so. */
  readonly secret: string | null;
  /** Can the caller be handed a new token? If not, its session keeps the level that it has. */
  readonly canTakeNewToken: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

/** Two-factor authentication is on. */
export interface Enrolled {
  readonly ok: true;
  /** To be shown once. */
  readonly backupCodes: readonly string[];
  /** The session that takes the place of the caller's. Null: the caller's stays. */
  readonly issued: IssuedSession | null;
}

/**
 * Switches two-factor authentication on, or replaces its secret, with the first code of the pending secret.
 * That code is spent by it, and every other session of the account ends (OTP-12, EN-10).
 */
export async function confirmEnrolment(
  deps: Deps,
  { session, code, secret, canTakeNewToken, client, now }: ConfirmEnrolmentInput,
): Promise<Enrolled | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: { pendingSecret: secret },
    client,
    now,
    planAcceptance: async (view, evidence) => {
      const level = { amr: amrWith(view.session.amr, evidence), secondFactorAt: now };
      const drawn = canTakeNewToken
        ? await prepareReplacementSession(view.session, level, client, now)
        : null;
      return {
        effects: [
          ...(drawn === null
            ? []
            : [{ kind: "open_session", session: drawn.row, insteadOf: session.id } as const]),
          { kind: "end_other_sessions", keep: drawn?.row.id ?? session.id },
          { kind: "record", eventId: generateEventId(), type: "totp.enabled" },
        ],
        outcome: drawn,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { outcome: drawn, evidence, view } = accepted;
  const issued =
    drawn === null ? null : await reissueSession(deps, session, { ...drawn, user: view.user }, now);
  return { ok: true, backupCodes: evidence.newBackupCodes ?? [], issued };
}
