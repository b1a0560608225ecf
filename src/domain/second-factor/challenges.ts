import { sha256 } from "../../core/crypto/digest.ts";
import type { CodeInput } from "../../core/parsing/code-input.ts";
import { withReturnParameters } from "../../core/parsing/return-address.ts";
import { backendUserId } from "../../core/parsing/user-id.ts";
import { isChallengeSecret } from "../../core/tokens/challenge-secret.ts";
import { signReceipt } from "../../core/tokens/receipt.ts";
import { signPendingToken } from "../../core/tokens/session-token.ts";
import {
  type Challenge,
  findValidApproval,
  openChallenge as openStoredChallenge,
} from "../../store/second-factor/challenge-rows.ts";
import type { Effect } from "../../store/second-factor/code-effects.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { prepareSession } from "../sessions/sessions.ts";
import { amrWith } from "./amr.ts";
import type { ChallengeSession } from "./challenge-session.ts";
import { codeBudget } from "./code-budget.ts";
import type { Evidence } from "./submitted-code.ts";
import { verifyCode } from "./verify-code.ts";

/** How long somebody may take to save the backup codes, before going back to the backend. */
const goOnSeconds = 600;

/** What a page says of the account. The token that has it must fit into a cookie. */
const shownNameCharacters = 40;

/** A token for the cookie of a challenge, and how long it is good for. */
export interface ChallengeToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** What became of an attempt to open a challenge. */
export interface Opening {
  /** Null: no challenge has this address. */
  readonly challenge: Challenge | null;
  /** Has the user a second factor to show, or one to set up? */
  readonly enrolled: boolean;
  /** Null: this request has not opened it. It was open before, or it is over. */
  readonly issued: ChallengeToken | null;
}

/** Opens the one-time address of a challenge. One batch; none for an address that Sallyport has not issued (INC-30). */
export async function openChallenge(
  deps: Deps,
  { secret, client, now }: { readonly secret: string; readonly client: ClientContext; readonly now: Date },
): Promise<Opening> {
  if (!(await isChallengeSecret(deps.config.keyring, secret))) return noChallenge;
  const drawn = await prepareSession(
    // Whose it is, and until when, the store knows.
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
  const sessionId = drawn.row.id;
  const event = { id: generateEventId(), at: now, type: "challenge.opened", client, sessionId } as const;
  const { opened, view } = await openStoredChallenge(deps.db, await sha256(secret), drawn.row, event);
  if (view === null) return noChallenge;
  const enrolled = view.totpEnabled;
  if (!opened) return { challenge: view, enrolled, issued: null };
  const { id, userId, realm, action, nonce, returnTo, expiresAt } = view;
  const claims = {
    sessionSecret: drawn.secret,
    username: shortened(view.username),
    expiresAt,
    challenge: { id, userId, realm, action, nonce, returnTo },
  };
  const token = await signPendingToken(deps.config.keyring, claims, now);
  return { challenge: view, enrolled, issued: { token, expiresAt } };
}

const noChallenge: Opening = { challenge: null, enrolled: false, issued: null };

function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= shownNameCharacters) return name;
  return `${characters.slice(0, shownNameCharacters - 1).join("")}…`;
}

/** A code for a challenge. */
export interface ChallengeCode {
  readonly session: ChallengeSession;
  readonly code: CodeInput;
  readonly client: ClientContext;
  readonly now: Date;
}

/** A challenge is done, and the browser goes back. */
export interface Return {
  readonly ok: true;
  /** With the challenge and the receipt in its query. */
  readonly address: string;
}

/**
 * Completes a challenge with a code of the second factor. One read, one batch.
 *
 * @param issuer where the Worker answers
 */
export async function completeChallenge(
  deps: Deps,
  { session, code, client, now }: ChallengeCode,
  issuer: string,
): Promise<Return | Failure> {
  const accepted = await verifyCode(deps, {
    subject: { kind: "session", session },
    code,
    against: "second_factor",
    client,
    now,
    planAcceptance: async (_view, evidence) => ({ effects: [completion(session, evidence)], outcome: null }),
  });
  if (!accepted.ok) return accepted;
  const amr = amrWith([], accepted.evidence);
  return {
    ok: true,
    address: await addressWithReceipt(deps, { ...session.challenge, amr, issuer, now }, now),
  };
}

/** Two-factor authentication is on, and the challenge is done. */
export interface EnrolledByChallenge extends ChallengeToken {
  readonly ok: true;
  /** To be shown once. */
  readonly backupCodes: readonly string[];
}

/**
 * Completes a challenge by setting the second factor up: its first code is what is shown. Every session of the account
 * ends (EN-10). The token is good for {@link buildReturnUrl} alone: the session behind it is over.
 */
export async function enrolByChallenge(
  deps: Deps,
  { session, code, client, now }: ChallengeCode,
): Promise<EnrolledByChallenge | Failure> {
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
        { kind: "record", eventId: generateEventId(), type: "totp.enabled" },
      ],
      outcome: null,
    }),
  });
  if (!accepted.ok) return accepted;
  const expiresAt = new Date(now.getTime() + goOnSeconds * 1000);
  const token = await signPendingToken(deps.config.keyring, { ...session, expiresAt }, now);
  return { ok: true, backupCodes: accepted.evidence.newBackupCodes ?? [], token, expiresAt };
}

function completion({ id, challenge }: ChallengeSession, evidence: Evidence): Effect {
  const amr = amrWith([], evidence);
  const eventId = generateEventId();
  return { kind: "complete_challenge", challengeId: challenge.id, sessionId: id, amr, eventId };
}

/**
 * Sends a browser back whose challenge is done, with a receipt that says when that was. A receipt of an approval that was
 * voided since is not given again (INC-37). One read.
 */
export async function buildReturnUrl(
  deps: Deps,
  { challenge: { realm, id } }: ChallengeSession,
  issuer: string,
  now: Date,
): Promise<Return | Failure> {
  const challenge = await findValidApproval(deps.db, realm, id, codeBudget.failuresUntilDisabled);
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

/** The id of the receipt is that of the challenge: there is one approval, however often its receipt is handed out. */
async function addressWithReceipt(
  { config }: Deps,
  approved: Approved,
  authenticatedAt: Date,
): Promise<string> {
  const { id, realm, action, nonce, amr, issuer, now, returnTo } = approved;
  const userId = backendUserId(realm, approved.userId);
  const facts = { id, issuer, realm, userId, action, nonce, amr, now, authenticatedAt };
  return withReturnParameters(returnTo, { challenge: id, receipt: await signReceipt(config.keyring, facts) });
}
