import { bindTo } from "../core/binding.ts";
import type { Requirement } from "../core/policy.ts";
import { signPendingToken } from "../core/session-token.ts";
import { drawApprovalPeriodId } from "../store/approvals.ts";
import { type ClientContext, drawEventId } from "../store/audit.ts";
import { meetExternalUser } from "../store/external-users.ts";
import type { User } from "../store/users.ts";
import { isBelieved, type Judgement, judgeAccess, judgeLevel, nobody } from "./access.ts";
import type { Deps } from "./deps.ts";
import {
  AmbiguousCredentials,
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "./first-factor-source.ts";
import {
  type DrawnSession,
  drawSession,
  type FullSession,
  type IssuedSession,
  issueSession,
} from "./sessions.ts";
import { pendingTtlSeconds } from "./sign-in.ts";

/** Which sessions a meeting may open. A program that keeps no cookies would leave one behind at every request. */
export type OpensSessions = "none" | "without_second_factor" | "any";

/** Somebody whom the source has named, as the store knows him. */
export interface Meeting {
  readonly user: User;
  /** Opened for an account without a second factor. */
  readonly issued: IssuedSession | null;
  /** Opened for an account with one: it waits for the code. */
  readonly pending: { readonly token: string; readonly expiresAt: Date } | null;
}

/** Finds or creates the account of whom the source names, and opens a session for it if that is wanted. One batch. */
export async function meet(
  deps: Deps,
  source: FirstFactorSource,
  identity: ExternalIdentity,
  opens: OpensSessions,
  client: ClientContext,
  now: Date,
): Promise<Meeting> {
  const full = opens === "none" ? null : await draw(deps, source, "full", client, now);
  const pending = opens === "any" ? await draw(deps, source, "pending", client, now) : null;
  const id = crypto.randomUUID();
  const event = { at: now, client, realm: source.realm, detail: { method: source.realm } };
  const met = await meetExternalUser(deps.db, {
    user: {
      id,
      realm: source.realm,
      ...identity,
      passwordHash: null,
      approvalPeriodId: drawApprovalPeriodId(),
      createdAt: now,
    },
    created: { ...event, id: drawEventId(), type: "user.created", userId: id },
    opened: { ...event, id: drawEventId(), type: "first_factor.accepted" },
    full: full?.row ?? null,
    pending: pending?.row ?? null,
    now,
  });
  if (met === null) throw new Error("An account that was just made is not there");
  const { user, session } = met;
  const isOpen = (drawn: DrawnSession | null) => drawn !== null && session?.id === drawn.row.id;
  const issued =
    full !== null && session !== null && isOpen(full)
      ? await issueSession(deps, { row: session, secret: full.secret, user }, now)
      : null;
  return {
    user,
    issued,
    pending: pending !== null && isOpen(pending) ? await tokenOf(deps, pending, user, now) : null,
  };
}

async function tokenOf(deps: Deps, { row, secret }: DrawnSession, { username }: User, now: Date) {
  const claims = { sessionSecret: secret, username, expiresAt: row.expiresAt };
  const token = await signPendingToken(deps.config.keyring, claims, now);
  return { token, expiresAt: row.expiresAt };
}

async function draw(
  deps: Deps,
  source: FirstFactorSource,
  kind: "full" | "pending",
  client: ClientContext,
  now: Date,
): Promise<DrawnSession> {
  const evidence = await source.evidence();
  if (evidence === null) throw new FirstFactorUnavailable("The source names somebody who shows nothing");
  const ttlSeconds = kind === "full" ? deps.config.sessionMaxAgeSeconds : pendingTtlSeconds;
  return drawSession(
    {
      kind,
      // Known when the batch has found the account.
      userId: "",
      binding: await bindTo(deps.config.keyring, evidence),
      amr: [source.realm],
      firstFactorAt: now,
      secondFactorAt: null,
      expiresAt: new Date(now.getTime() + ttlSeconds * 1000),
      client,
    },
    now,
  );
}

/** A request to a path behind an external first factor. */
export interface ExternalVisit {
  readonly requirement: Requirement;
  /** One that belongs to what the request shows of the source; any other counts as none. */
  readonly session: FullSession | null;
  readonly source: FirstFactorSource;
  /** A browser that will keep a cookie. */
  readonly keepsCookies: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Judges a request whose first factor is somebody else's. While the session is fresh and what it is bound to is
 * unchanged, nobody is asked. Else the source is asked once, and the store once.
 */
export async function judgeExternalAccess(deps: Deps, visit: ExternalVisit): Promise<Judgement> {
  const { requirement, session, source, client, now } = visit;
  if (session !== null && !source.mustBeAsked && isBelieved(deps, session, now))
    return judgeAccess(deps, requirement, session, now);
  if (requirement.level === "none") return judgeOpenAccess(deps, visit);
  const identity = await source.identify();
  if (identity === null) {
    const passes = source.nobodyPasses && !source.showsOtherCredential;
    return passes ? nobody : { allowed: false, reason: "not_signed_in" };
  }
  if (session !== null && session.username === identity.username) {
    const judgement = await judgeAccess(deps, requirement, session, now);
    if (judgement.allowed || judgement.reason !== "not_signed_in") return judgement;
    // The session was ended, and the person is still signed in at the source: begin anew.
  }
  const opens = visit.keepsCookies ? "without_second_factor" : "none";
  const { user, issued } = await meet(deps, source, identity, opens, client, now);
  if (user.disabledAt !== null) return { allowed: false, reason: "account_disabled" };
  return judgeLevel(deps, requirement, issued?.session ?? asSession(user, source, now), issued, now);
}

/**
 * Where nobody has to be signed in, a session names its visitor only when the source does, too. The store alone is
 * not enough: its word would make the session fresh for all other paths. A source that can't tell makes nobody of him.
 */
async function judgeOpenAccess(
  deps: Deps,
  { requirement, session, source, now }: ExternalVisit,
): Promise<Judgement> {
  const identity = session === null ? null : await source.identify().catch(asNobody);
  return session !== null && session.username === identity?.username
    ? judgeAccess(deps, requirement, session, now)
    : nobody;
}

function asNobody(error: unknown): null {
  if (error instanceof FirstFactorUnavailable || error instanceof AmbiguousCredentials) return null;
  throw error;
}

/** What can be said of somebody who has no session: the first factor is there, and nothing else. */
function asSession(user: User, source: FirstFactorSource, now: Date) {
  return {
    userId: user.id,
    username: user.username,
    email: user.email,
    enrolled: user.totpEnabled,
    amr: [source.realm],
    firstFactorAt: now,
    secondFactorAt: null,
  };
}
