import { clientNetwork } from "../../core/parsing/client-network.ts";
import { type ClientContext, generateEventId } from "../../store/service/audit.ts";
import { findSessionOnPrimary, type SessionView } from "../../store/sessions/session-rows.ts";
import { countSignInFailure } from "../../store/sessions/sign-in-batch.ts";
import type { Deps } from "../deps.ts";
import { type Failure, tooManyAttempts } from "../failure.ts";
import { type FullSession, isSessionLive } from "../sessions/sessions.ts";
import { isPasswordOf } from "./stored-password.ts";
import {
  type FirstFactorCounters,
  findStandingBlock,
  firstFactorCounters,
  lastEnd,
  publishBlocks,
} from "./throttle.ts";

/** A right password. Whoever acts on it makes sure in his batch that no counter blocks by then. */
export interface CheckedPassword {
  readonly ok: true;
  readonly counters: FirstFactorCounters;
  /** The session and the account that the password was compared with. */
  readonly view: SessionView;
}

export interface PasswordQuestion {
  readonly session: FullSession;
  /** Null where the caller has sent none. */
  readonly password: string | null;
  /** From `core/tokens/known-devices.ts`: anything, or "". */
  readonly devices: string;
  readonly client: ClientContext;
  readonly now: Date;
}

/**
 * Asks for the password again inside a session, under the same counters as at sign-in. One read, and one batch
 * if it was wrong. An account without a password passes: it has none to show.
 */
export async function checkPassword(
  deps: Deps,
  { session, password, devices, client, now }: PasswordQuestion,
): Promise<CheckedPassword | Failure> {
  const network = clientNetwork(client.address);
  const claimant = { realm: session.realm, username: session.username, network, devices };
  const counters = await firstFactorCounters(deps.config.keyring, claimant, now);
  const standing = await findStandingBlock(deps, counters, now);
  if (standing !== null) return tooManyAttempts(standing, now, "first_factor");
  // From the primary: a copy that is behind may still hold a password that was changed because it leaked.
  const view = await findSessionOnPrimary(deps.db, session.id);
  if (view === null || !isSessionLive(deps, view, now)) return { ok: false, reason: "session_over" };
  const { passwordHash } = view.user;
  if (passwordHash === null || (password !== null && (await isPasswordOf(deps, password, view.user)))) {
    return { ok: true, counters, view };
  }
  const event = {
    id: generateEventId(),
    at: now,
    type: "first_factor.refused",
    client,
    realm: session.realm,
    userId: session.userId,
    sessionId: session.id,
    detail: { method: "password" },
  } as const;
  const { done, overflows } = await countSignInFailure(
    deps.db,
    { name: claimant, counters: counters.all, event, comparedWith: view.user },
    now,
  );
  publishBlocks(deps, overflows, now);
  const until = lastEnd(overflows);
  return done || until === null
    ? { ok: false, reason: "wrong_credentials" }
    : tooManyAttempts(until, now, "first_factor");
}
