import type { Requirement } from "../../core/policy/policy.ts";
import type { AssertedIdentity } from "../../core/tokens/assertion.ts";
import { StoreUnavailable } from "../../store/platform/database.ts";
import type { Deps } from "../deps.ts";
import { type FullSession, type IssuedSession, recheckSession } from "../sessions/sessions.ts";

/** Who passes, and on which grounds. */
export interface AccessGranted {
  readonly allowed: true;
  /** Null: the policy asks for anonymousAccess, and anonymousAccess is signed in. */
  readonly identity: AssertedIdentity | null;
  /** A renewed token to hand back. Null: the one that came is fresh. */
  readonly renewed: IssuedSession | null;
  /** The session that was believed. Null: the first factor's source alone names the visitor, or the visitor is anonymous. */
  readonly sessionId: string | null;
}

/** Why somebody does not pass (yet), and so which page helps. */
export type AccessDenied =
  | { readonly allowed: false; readonly reason: "not_signed_in" }
  /** The account has no second factor, and needs one. */
  | { readonly allowed: false; readonly reason: "enrolment_required" }
  /** The account has a second factor that this session has not shown. */
  | { readonly allowed: false; readonly reason: "second_factor_required" }
  /** It has shown it, longer ago than the rule allows. */
  | { readonly allowed: false; readonly reason: "step_up_required"; readonly maxAgeSeconds: number }
  /** An administrator has closed the account. */
  | { readonly allowed: false; readonly reason: "account_disabled" }
  /** The first factor is older than the rule allows, and there is no second one that could stand in. */
  | { readonly allowed: false; readonly reason: "sign_in_again"; readonly maxAgeSeconds: number };

export type AccessResult = AccessGranted | AccessDenied;

/** Passes as anonymousAccess: there is no identity to vouch for. */
export const anonymousAccess: AccessGranted = {
  allowed: true,
  identity: null,
  renewed: null,
  sessionId: null,
};

/**
 * Judges a request by what its path requires and who its session says is there. No I/O while the session's
 * token is fresh; else one trip to the primary. Where the policy asks for somebody, a store that does not answer
 * is thrown on and anonymousAccess passes; where it asks for anonymousAccess, the visitor passes as anonymousAccess.
 */
export async function authorizeSession(
  deps: Deps,
  requirement: Requirement,
  session: FullSession | null,
  now: Date,
): Promise<AccessResult> {
  if (requirement.level === "none") {
    const current = await currentSession(deps, session, now).catch(asNobody);
    return current === null ? anonymousAccess : pass(current.session, current.renewed);
  }
  const current = await currentSession(deps, session, now);
  if (current === null) return { allowed: false, reason: "not_signed_in" };
  return authorizeVisitor(deps, requirement, current.session, current.renewed, now);
}

function asNobody(error: unknown): null {
  if (error instanceof StoreUnavailable) return null;
  throw error;
}

/** Is the session's token young enough to be believed without asking the store? */
export function isTokenFresh(deps: Deps, session: FullSession, now: Date): boolean {
  return now.getTime() < session.checkedAt.getTime() + deps.config.sessionRecheckSeconds * 1000;
}

async function currentSession(deps: Deps, session: FullSession | null, now: Date) {
  if (session === null) return null;
  if (isTokenFresh(deps, session, now)) return { session, renewed: null };
  const checked = await recheckSession(deps, session, now);
  return checked === null ? null : { session: checked.session, renewed: checked };
}

/** Who is there, and what was shown for it. */
export type AuthenticatedVisitor = Pick<
  FullSession,
  "userId" | "username" | "email" | "enrolled" | "amr" | "firstFactorAt" | "secondFactorAt"
> & {
  /** The session's. There is none when the first factor's source alone says all this. */
  readonly id?: string;
};

/** Judges what was shown by what is required. */
export function authorizeVisitor(
  deps: Deps,
  requirement: Requirement,
  level: AuthenticatedVisitor,
  renewed: IssuedSession | null,
  now: Date,
): AccessResult {
  if (requirement.level === "none") return pass(level, renewed);
  if (requirement.level === "second_factor" && level.secondFactorAt === null) {
    if (level.enrolled) return { allowed: false, reason: "second_factor_required" };
    if (deps.config.enrolment === "required") return { allowed: false, reason: "enrolment_required" };
  }
  const { maxAgeSeconds } = requirement;
  if (maxAgeSeconds === null || ageSeconds(level, now) <= maxAgeSeconds) return pass(level, renewed);
  return { allowed: false, reason: level.enrolled ? "step_up_required" : "sign_in_again", maxAgeSeconds };
}

/** When the person last showed a factor: the second one, or the first where there is no other. */
export function authenticatedAt({
  firstFactorAt,
  secondFactorAt,
}: Pick<AuthenticatedVisitor, "firstFactorAt" | "secondFactorAt">): Date {
  return secondFactorAt ?? firstFactorAt;
}

const ageSeconds = (level: AuthenticatedVisitor, now: Date) =>
  (now.getTime() - authenticatedAt(level).getTime()) / 1000;

const pass = (level: AuthenticatedVisitor, renewed: IssuedSession | null): AccessGranted => ({
  allowed: true,
  identity: identityOf(level),
  renewed,
  sessionId: level.id ?? null,
});

function identityOf(level: AuthenticatedVisitor): AssertedIdentity {
  const { userId, username, email, amr, secondFactorAt } = level;
  const acr = secondFactorAt === null ? "first_factor" : "second_factor";
  return { userId, username, email, acr, amr, authenticatedAt: authenticatedAt(level) };
}
