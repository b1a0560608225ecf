import { generateTotpSecret } from "../../core/crypto/totp.ts";
import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { formatOtpauthUri } from "../../core/parsing/key-uri.ts";
import {
  type WritePendingSecretResult,
  writePendingSecret,
} from "../../store/second-factor/pending-enrolments.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import { type Failure, secondsUntil, tooManyAttemptsFailure } from "../failure.ts";
import {
  type FullSession,
  type IssuedSession,
  prepareReplacementSessionRow,
  reissueSessionToken,
  sessionExpiryAndIdleCutoffsAt,
} from "../sessions/sessions.ts";
import { enrolmentCounter, enrolmentQuota } from "../sign-in/throttle.ts";
import { addSecondFactorToAmr } from "./amr.ts";
import type { ChallengeSession } from "./challenge-session.ts";
import { sealUserField } from "./sealed-fields.ts";
import { verifyCode } from "./verify-code.ts";

/** How long a pending secret can be confirmed (EN-05). */
export const enrolmentTtlSeconds = 600;

/** To replace the account's secret, the session's second factor must not be older than this. */
export const maxFactorAgeForSecretReplacementSeconds = 300;

/** A new secret for an authenticator app. It is sent once, in the response to the request that generated it. */
export interface GeneratedTotpSecret {
  readonly ok: true;
  /** Base32, 160 bits. */
  readonly secret: string;
  readonly keyUri: string;
  readonly expiresInSeconds: number;
}

export interface StartEnrolmentResult extends GeneratedTotpSecret {
  /** How many more enrolments the account may start, and the seconds until the window ends. */
  readonly quota: { readonly left: number; readonly seconds: number };
}

/**
 * Starts an enrolment: writes a pending secret, which replaces an earlier pending one. The second factor in force stays until
 * a code of the new secret is accepted. The number of enrolments of an account is limited (TH-07). One batch.
 *
 * @param session the session of a hosted challenge can set up a second factor, and never replace one
 */
export async function startEnrolment(
  deps: Deps,
  session: FullSession | ChallengeSession,
  client: ClientAndActor,
  now: Date,
): Promise<StartEnrolmentResult | Failure> {
  const { keyring, issuer } = deps.config;
  const secret = generateTotpSecret();
  const challenge = session.kind === "challenge" ? session.challenge : null;
  const { userId, realm } = session.kind === "challenge" ? session.challenge : session;
  const start = await writePendingSecret(
    deps.db,
    {
      userId,
      sessionId: session.id,
      challengeId: challenge?.id ?? null,
      cutoff: sessionExpiryAndIdleCutoffsAt(deps, now),
      secretEnvelope: await sealUserField(keyring, { userId, column: "totpPendingSecret" }, secret),
      expiresAt: new Date(now.getTime() + enrolmentTtlSeconds * 1000),
      secondFactorSince: new Date(now.getTime() - maxFactorAgeForSecretReplacementSeconds * 1000),
      counter: await enrolmentCounter(keyring, userId),
    },
    {
      id: generateRandomEventId(),
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
    if (blockedUntil !== null) return tooManyAttemptsFailure(blockedUntil, now, "setup");
    return challenge === null
      ? { ok: false, reason: "step_up_required", maxAgeSeconds: maxFactorAgeForSecretReplacementSeconds }
      : { ok: false, reason: "already_enabled" };
  }
  const left = blockedUntil === null ? enrolmentQuota.most - (start.counted?.failures ?? 0) : 0;
  const quota = { left, seconds: secondsUntil(blockedUntil ?? start.counted?.windowEndsAt ?? now, now) };
  const keyUri = formatOtpauthUri({ issuer, account: start.user.username, secret });
  return { ok: true, secret, keyUri, expiresInSeconds: enrolmentTtlSeconds, quota };
}

function findBlock({ counted }: WritePendingSecretResult, now: Date): Date | null {
  const until = counted?.blockedUntil ?? null;
  return until !== null && until > now ? until : null;
}

export interface ConfirmEnrolmentInput {
  readonly session: FullSession;
  readonly code: ParsedCode;
  /** The Base32 secret that the client means to confirm. Null: it does not say. */
  readonly secret: string | null;
  /** `replace`: a new session and token. `keep`: the same session and level, for a client that cannot take a new token. */
  readonly callerSession: "replace" | "keep";
  readonly client: ClientAndActor;
  readonly now: Date;
}

export interface ConfirmEnrolmentResult {
  readonly ok: true;
  /** Shown once. */
  readonly backupCodes: readonly string[];
  /** The session that replaces the caller's. Null: the caller's stays. */
  readonly issued: IssuedSession | null;
}

/**
 * Enables two-factor authentication, or replaces its secret, with the first code of the pending secret. The code is spent, and
 * all other sessions of the account end (OTP-12, EN-10). One read and one batch.
 */
export async function confirmEnrolment(
  deps: Deps,
  { session, code, secret, callerSession, client, now }: ConfirmEnrolmentInput,
): Promise<ConfirmEnrolmentResult | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: { pendingSecret: secret },
    client,
    now,
    planAcceptance: async (view, evidence) => {
      const level = { amr: addSecondFactorToAmr(view.session.amr, evidence), secondFactorAt: now };
      const prepared =
        callerSession === "replace"
          ? await prepareReplacementSessionRow(view.session, level, client, now)
          : null;
      return {
        effects: [
          ...(prepared === null
            ? []
            : [{ kind: "open_session", session: prepared.row, insteadOf: session.id } as const]),
          { kind: "end_other_sessions", keep: prepared?.row.id ?? session.id },
          { kind: "record", eventId: generateRandomEventId(), type: "totp.enabled" },
        ],
        outcome: prepared,
      };
    },
  });
  if (!accepted.ok) return accepted;
  const { outcome: prepared, evidence, view } = accepted;
  const issued =
    prepared === null
      ? null
      : await reissueSessionToken(deps, session, { ...prepared, user: view.user }, now);
  return { ok: true, backupCodes: evidence.newBackupCodes ?? [], issued };
}
