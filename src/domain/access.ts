import type { AssertedIdentity } from "../core/assertion.ts";
import type { Requirement } from "../core/policy.ts";
import { StoreUnavailable } from "../store/database.ts";
import type { Deps } from "./deps.ts";
import { checkSession, type FullSession, type IssuedSession } from "./sessions.ts";

/** Who passes, and on which grounds. */
export interface Passage {
  readonly allowed: true;
  /** Null: the policy asks for nobody, and nobody is signed in. */
  readonly identity: AssertedIdentity | null;
  /** A renewed token to hand back. Null: the one that came is fresh. */
  readonly renewed: IssuedSession | null;
}

/** Why somebody does not pass (yet), and so which page helps. */
export type Refusal =
  | { readonly allowed: false; readonly reason: "not_signed_in" }
  /** The account has no second factor, and needs one. */
  | { readonly allowed: false; readonly reason: "enrolment_required" }
  /** The account has a second factor that this session has not shown. */
  | { readonly allowed: false; readonly reason: "second_factor_required" }
  /** It has shown it, longer ago than the rule allows. */
  | { readonly allowed: false; readonly reason: "step_up_required"; readonly maxAgeSeconds: number }
  /** The first factor is older than the rule allows, and there is no second one that could stand in. */
  | { readonly allowed: false; readonly reason: "sign_in_again"; readonly maxAgeSeconds: number };

/**
 * Judges a request by what its path requires and who its session says is there. No I/O while the session's
 * token is fresh; else one trip to the primary. Where the policy asks for somebody, a store that does not answer
 * is thrown on and nobody passes; where it asks for nobody, the visitor passes as nobody.
 */
export async function judgeAccess(
  deps: Deps,
  requirement: Requirement,
  session: FullSession | null,
  now: Date,
): Promise<Passage | Refusal> {
  if (requirement.level === "none") return pass(await currentSession(deps, session, now).catch(asNobody));
  const current = await currentSession(deps, session, now);
  if (current === null) return { allowed: false, reason: "not_signed_in" };
  return refuse(deps, requirement, current.session, now) ?? pass(current);
}

function asNobody(error: unknown): null {
  if (error instanceof StoreUnavailable) return null;
  throw error;
}

interface CurrentSession {
  readonly session: FullSession;
  readonly renewed: IssuedSession | null;
}

async function currentSession(
  deps: Deps,
  session: FullSession | null,
  now: Date,
): Promise<CurrentSession | null> {
  if (session === null) return null;
  const believedUntil = session.checkedAt.getTime() + deps.config.sessionRecheckSeconds * 1000;
  if (now.getTime() < believedUntil) return { session, renewed: null };
  const checked = await checkSession(deps, session, now);
  return checked === null ? null : { session: checked.session, renewed: checked };
}

function refuse(
  deps: Deps,
  requirement: Exclude<Requirement, { level: "none" }>,
  session: FullSession,
  now: Date,
): Refusal | null {
  const { maxAgeSeconds } = requirement;
  if (requirement.level === "second_factor" && session.secondFactorAt === null) {
    if (session.enrolled) return { allowed: false, reason: "second_factor_required" };
    if (deps.config.enrolment === "required") return { allowed: false, reason: "enrolment_required" };
  }
  if (maxAgeSeconds === null || ageSeconds(session, now) <= maxAgeSeconds) return null;
  const reason = session.enrolled ? "step_up_required" : "sign_in_again";
  return { allowed: false, reason, maxAgeSeconds };
}

/** When the person last showed a factor: the second one, or the first where there is no other. */
export function authenticatedAt(session: Pick<FullSession, "firstFactorAt" | "secondFactorAt">): Date {
  return session.secondFactorAt ?? session.firstFactorAt;
}

const ageSeconds = (session: FullSession, now: Date) =>
  (now.getTime() - authenticatedAt(session).getTime()) / 1000;

function pass(current: CurrentSession | null): Passage {
  if (current === null) return { allowed: true, identity: null, renewed: null };
  const { session, renewed } = current;
  const { userId, username, email, amr } = session;
  return {
    allowed: true,
    identity: { userId, username, email, amr, authenticatedAt: authenticatedAt(session) },
    renewed,
  };
}
