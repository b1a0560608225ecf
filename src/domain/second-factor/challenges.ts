import { sha256Base64url } from "../../core/crypto/digest.ts";
import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { addChallengeResultParameters } from "../../core/parsing/return-address.ts";
import { toBackendUserId } from "../../core/parsing/user-id.ts";
import { hasValidChallengeSecretMac } from "../../core/tokens/challenge-secret.ts";
import { signReceipt } from "../../core/tokens/receipt.ts";
import { signPendingSessionToken } from "../../core/tokens/session-token.ts";
import {
  type Challenge,
  findChallengeIfApprovalIsValid,
  markChallengeOpenedAndInsertSession,
} from "../../store/second-factor/challenge-rows.ts";
import type { AcceptedCodeEffect } from "../../store/second-factor/code-effects.ts";
import { type ClientAndActor, generateRandomEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { prepareSession } from "../sessions/sessions.ts";
import { addSecondFactorToAmr } from "./amr.ts";
import type { ChallengeSession } from "./challenge-session.ts";
import { codeAttemptLimits } from "./code-budget.ts";
import type { RightCodeDetails } from "./submitted-code.ts";
import { verifyCode } from "./verify-code.ts";

/** How long a visitor may take to save the backup codes before the browser returns to the backend. */
const returnTtlSeconds = 600;

/** The length of the account name in the token of a challenge, which must fit into a cookie. */
const maxNameCharacters = 40;

/** The token of a challenge's session, for its cookie. */
export interface ChallengeSessionToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** The challenge, and the token if this request has opened it. */
export interface RedeemChallengeUrlResult {
  /** Null: no challenge has this address. */
  readonly challenge: Challenge | null;
  /** True when the user has a second factor to show; false when it sets one up. */
  readonly enrolled: boolean;
  /** Null: the challenge was opened before, or is over. */
  readonly issued: ChallengeSessionToken | null;
}

/** Opens the one-time address of a challenge. One batch; none for an address that Sallyport has not issued (INC-30). */
export async function redeemChallengeUrl(
  deps: Deps,
  { secret, client, now }: { readonly secret: string; readonly client: ClientAndActor; readonly now: Date },
): Promise<RedeemChallengeUrlResult> {
  if (!(await hasValidChallengeSecretMac(deps.config.keyring, secret))) return noChallenge;
  const prepared = await prepareSession(
    // The batch sets `userId` and `expiresAt` from the challenge.
    {
      kind: "pending",
      userId: "",
      binding: null,
      amr: [],
      firstFactorAt: now,
      secondFactorAt: null,
      expiresAt: now,
      client,
    },
    now,
  );
  const sessionId = prepared.row.id;
  const event = {
    id: generateRandomEventId(),
    at: now,
    type: "challenge.opened",
    client,
    sessionId,
  } as const;
  const { opened, view } = await markChallengeOpenedAndInsertSession(
    deps.db,
    await sha256Base64url(secret),
    prepared.row,
    event,
  );
  if (view === null) return noChallenge;
  const enrolled = view.totpEnabled;
  if (!opened) return { challenge: view, enrolled, issued: null };
  const { id, userId, realm, action, nonce, returnTo, expiresAt } = view;
  const claims = {
    sessionSecret: prepared.secret,
    username: shortened(view.username),
    expiresAt,
    challenge: { id, userId, realm, action, nonce, returnTo },
  };
  const token = await signPendingSessionToken(deps.config.keyring, claims, now);
  return { challenge: view, enrolled, issued: { token, expiresAt } };
}

const noChallenge: RedeemChallengeUrlResult = { challenge: null, enrolled: false, issued: null };

function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= maxNameCharacters) return name;
  return `${characters.slice(0, maxNameCharacters - 1).join("")}…`;
}

/** A code that was submitted in the session of a challenge. */
export interface ChallengeCodeInput {
  readonly session: ChallengeSession;
  readonly code: ParsedCode;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** A completed challenge, and the address that the browser returns to. */
export interface ChallengeReturnAddress {
  readonly ok: true;
  /** The return address of the challenge, with `challenge` and `receipt` in its query. */
  readonly address: string;
}

/**
 * Verifies a code of the account's second factor, and completes the challenge if the code is accepted. Returns the address,
 * with the receipt, that the browser returns to. One read, one batch.
 *
 * @param issuer the public address of the Worker with its base path, as receipts name it
 */
export async function verifyCodeAndCompleteChallenge(
  deps: Deps,
  { session, code, client, now }: ChallengeCodeInput,
  issuer: string,
): Promise<ChallengeReturnAddress | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: "second_factor",
    client,
    now,
    planAcceptance: async (_view, evidence) => ({ effects: [completion(session, evidence)], outcome: null }),
  });
  if (!accepted.ok) return accepted;
  const amr = addSecondFactorToAmr([], accepted.evidence);
  return {
    ok: true,
    address: await addressWithReceipt(deps, { ...session.challenge, amr, issuer, now }, now),
  };
}

/** The second factor is set up and the challenge completed. */
export interface ConfirmedChallengeEnrolment extends ChallengeSessionToken {
  readonly ok: true;
  /** Shown once. */
  readonly backupCodes: readonly string[];
}

/**
 * Verifies the first code of a new second factor. If it is accepted, enables the second factor and completes the challenge. All sessions of the account end (EN-10).
 * The new token serves for {@link getCompletedChallengeReturnUrl} only: its session has ended.
 */
export async function confirmEnrolmentAndCompleteChallenge(
  deps: Deps,
  { session, code, client, now }: ChallengeCodeInput,
): Promise<ConfirmedChallengeEnrolment | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: { pendingSecret: null },
    client,
    now,
    planAcceptance: async (_view, evidence) => ({
      effects: [
        completion(session, evidence),
        { kind: "end_other_sessions", keep: null },
        { kind: "record", eventId: generateRandomEventId(), type: "totp.enabled" },
      ],
      outcome: null,
    }),
  });
  if (!accepted.ok) return accepted;
  const expiresAt = new Date(now.getTime() + returnTtlSeconds * 1000);
  const token = await signPendingSessionToken(deps.config.keyring, { ...session, expiresAt }, now);
  return { ok: true, backupCodes: accepted.evidence.newBackupCodes ?? [], token, expiresAt };
}

function completion({ id, challenge }: ChallengeSession, evidence: RightCodeDetails): AcceptedCodeEffect {
  const amr = addSecondFactorToAmr([], evidence);
  const eventId = generateRandomEventId();
  return { kind: "complete_challenge", challengeId: challenge.id, sessionId: id, amr, eventId };
}

/**
 * Builds the return address of a completed challenge, with a receipt that says when it was completed. Fails when the
 * approval was voided since (INC-37). One read.
 */
export async function getCompletedChallengeReturnUrl(
  deps: Deps,
  { challenge: { realm, id } }: ChallengeSession,
  issuer: string,
  now: Date,
): Promise<ChallengeReturnAddress | Failure> {
  const challenge = await findChallengeIfApprovalIsValid(
    deps.db,
    realm,
    id,
    codeAttemptLimits.failuresUntilDisabled,
  );
  if (challenge === null || challenge.completedAt === null) return { ok: false, reason: "challenge_over" };
  const { completedAt, amr } = challenge;
  const receipt = { ...challenge, amr: amr ?? [], issuer, now };
  return { ok: true, address: await addressWithReceipt(deps, receipt, completedAt) };
}

type Approved = Pick<Challenge, "id" | "realm" | "userId" | "action" | "nonce" | "returnTo"> & {
  readonly amr: readonly string[];
  readonly issuer: string;
  readonly now: Date;
};

/** The receipt has the id of the challenge: a backend that gets it twice sees that it is the same approval. */
async function addressWithReceipt(
  { config }: Deps,
  approved: Approved,
  authenticatedAt: Date,
): Promise<string> {
  const { id, realm, action, nonce, amr, issuer, now, returnTo } = approved;
  const userId = toBackendUserId(realm, approved.userId);
  const facts = { id, issuer, realm, userId, action, nonce, amr, now, authenticatedAt };
  return addChallengeResultParameters(returnTo, {
    challenge: id,
    receipt: await signReceipt(config.keyring, facts),
  });
}
