import type { FactorRequirement } from "../../core/policy/policy.ts";
import type { AssertedIdentity } from "../../core/tokens/assertion.ts";
import { StoreUnavailableError } from "../../store/platform/database.ts";
import type { Deps } from "../deps.ts";
import { type FullSession, type IssuedSession, recheckSession } from "../sessions/sessions.ts";

/** The request may pass. */
export interface AccessGranted {
  readonly allowed: true;
  /** Null: the visitor is anonymous. */
  readonly identity: AssertedIdentity | null;
  /** A renewed token for the response. Null: the token of the request is fresh, or there is no session. */
  readonly renewed: IssuedSession | null;
  /** The session that grants the access. Null: only the first factor's source names the visitor, or there is no identity. */
  readonly sessionId: string | null;
}

/** The request may not pass. The reason decides which page the visitor is sent to. */
export type AccessDenied =
  | { readonly allowed: false; readonly reason: "not_signed_in" }
  /** The account must set up a second factor first. */
  | { readonly allowed: false; readonly reason: "enrolment_required" }
  /** The account has a second factor, which this session has not verified. */
  | { readonly allowed: false; readonly reason: "second_factor_required" }
  /** The second factor was verified longer ago than the rule allows. */
  | { readonly allowed: false; readonly reason: "step_up_required"; readonly maxAgeSeconds: number }
  /** An operator has disabled the account. */
  | { readonly allowed: false; readonly reason: "account_disabled" }
  /** The first factor is older than the rule allows, and the account has no second factor for a step-up. */
  | { readonly allowed: false; readonly reason: "sign_in_again"; readonly maxAgeSeconds: number };

export type AccessResult = AccessGranted | AccessDenied;

/** Access without an identity. */
export const anonymousAccess: AccessGranted = {
  allowed: true,
  identity: null,
  renewed: null,
  sessionId: null,
};

/**
 * Decides whether a session meets the requirement of the path. No I/O while the session's token is fresh, else one trip to
 * the primary. When that trip fails on a path that requires no factor, the visitor passes as an anonymous one.
 *
 * @throws StoreUnavailableError when the path requires a factor (INC-20)
 */
export async function authorizeSession(
  deps: Deps,
  requirement: FactorRequirement,
  session: FullSession | null,
  now: Date,
): Promise<AccessResult> {
  if (requirement.level === "none") {
    const current = await currentSession(deps, session, now).catch(nullIfStoreUnavailable);
    return current === null ? anonymousAccess : grant(current.session, current.renewed);
  }
  const current = await currentSession(deps, session, now);
  if (current === null) return { allowed: false, reason: "not_signed_in" };
  return authorizeVerifiedFactors(deps, requirement, current.session, current.renewed, now);
}

function nullIfStoreUnavailable(error: unknown): null {
  if (error instanceof StoreUnavailableError) return null;
  throw error;
}

/** True while the token is younger than `SESSION_RECHECK`, so that the store need not confirm the session. */
export function isTokenFresh(deps: Deps, session: FullSession, now: Date): boolean {
  return now.getTime() < session.checkedAt.getTime() + deps.config.sessionRecheckSeconds * 1000;
}

/** The session as the store has it, or as its fresh token states it. Null: there is none, or it has ended. */
async function currentSession(deps: Deps, session: FullSession | null, now: Date) {
  if (session === null) return null;
  if (isTokenFresh(deps, session, now)) return { session, renewed: null };
  const checked = await recheckSession(deps, session, now);
  return checked === null ? null : { session: checked.session, renewed: checked };
}

/** The account that a request is from, and the factors that were verified. With or without a session. */
export type AccountWithVerifiedFactors = Pick<
  FullSession,
  "userId" | "username" | "email" | "enrolled" | "amr" | "firstFactorAt" | "secondFactorAt"
> & {
  /** The session's id. Undefined: only the first factor's source names the account. */
  readonly id?: string;
};

/** Decides whether the verified factors meet the requirement. No I/O. */
export function authorizeVerifiedFactors(
  deps: Deps,
  requirement: FactorRequirement,
  visitor: AccountWithVerifiedFactors,
  renewed: IssuedSession | null,
  now: Date,
): AccessResult {
  if (requirement.level === "none") return grant(visitor, renewed);
  if (requirement.level === "second_factor" && visitor.secondFactorAt === null) {
    if (visitor.enrolled) return { allowed: false, reason: "second_factor_required" };
    if (deps.config.enrolment === "required") return { allowed: false, reason: "enrolment_required" };
  }
  const { maxAgeSeconds } = requirement;
  if (maxAgeSeconds === null || ageSeconds(visitor, now) <= maxAgeSeconds) return grant(visitor, renewed);
  return { allowed: false, reason: visitor.enrolled ? "step_up_required" : "sign_in_again", maxAgeSeconds };
}

/** The time of the second factor, or of the first factor when no second one was verified. */
export function authenticatedAt({
  firstFactorAt,
  secondFactorAt,
}: Pick<AccountWithVerifiedFactors, "firstFactorAt" | "secondFactorAt">): Date {
  return secondFactorAt ?? firstFactorAt;
}

const ageSeconds = (visitor: AccountWithVerifiedFactors, now: Date) =>
  (now.getTime() - authenticatedAt(visitor).getTime()) / 1000;

const grant = (visitor: AccountWithVerifiedFactors, renewed: IssuedSession | null): AccessGranted => ({
  allowed: true,
  identity: identityOf(visitor),
  renewed,
  sessionId: visitor.id ?? null,
});

function identityOf(visitor: AccountWithVerifiedFactors): AssertedIdentity {
  const { userId, username, email, amr, secondFactorAt } = visitor;
  const acr = secondFactorAt === null ? "first_factor" : "second_factor";
  return { userId, username, email, acr, amr, authenticatedAt: authenticatedAt(visitor) };
}
