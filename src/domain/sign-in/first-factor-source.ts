import type { Keyring } from "../../core/crypto/keyring.ts";
import { type BindingEvidence, matchesBinding } from "../../core/tokens/session-binding.ts";
import type { FullSession } from "../sessions/sessions.ts";
import type { ExternalRealm } from "./external-realm.ts";
import { localRealm } from "./password-sign-in.ts";

/** An account that a source has named. */
export interface ExternalIdentity {
  /** The subject, exactly as the source named it (INC-27); canonical with `EXTERNAL_NAMES=canonical`. */
  readonly username: string;
  readonly email: string | null;
}

/**
 * What one request shows of a first factor that is not a password here. Null in its place: passwords are the
 * first factor.
 */
export interface FirstFactorSource {
  /** The name space of its users. */
  readonly realm: ExternalRealm;
  /** Who is nobody there passes: the site has its login behind the gate. */
  readonly nobodyPasses: boolean;
  /** The request shows a credential that the source may not be asked about in the same way as it is used. */
  readonly showsOtherCredential: boolean;
  /** Where to sign in, at the site. Null: not there, or anywhere. */
  readonly loginPath: string | null;
  /** The request repeats a credential, so a fresh session is not accepted without asking the source (INC-23). */
  readonly mustBeAsked: boolean;
  /**
   * What a session is bound to: it changes with the account and with the session of the source. It costs no trip.
   *
   * @returns null when the request shows no credential, or shows credentials that can be read in two ways
   * @throws FirstFactorUnavailable
   */
  evidence(): Promise<BindingEvidence | null>;
  /**
   * Asks the source which account the request belongs to.
   *
   * @returns null for an anonymous visitor
   * @throws FirstFactorUnavailable when the source can't tell, so the request is refused (INC-20)
   * @throws AmbiguousCredentials when the request's credentials do not all name the same account (INC-24)
   */
  identify(): Promise<ExternalIdentity | null>;
  /**
   * The same, asked anew, for what lasts longer than its request: what has an end of its own is over by then.
   * Throws as {@link identify}.
   */
  identifyAgain(now: Date): Promise<ExternalIdentity | null>;
}

/** The source did not answer, or not in the way that it should. Whoever asked gets a 503. */
export class FirstFactorUnavailable extends Error {
  override readonly name = "FirstFactorUnavailable";
}

/**
 * The request shows credentials that two parts of the site may read differently: in two ways, of two accounts, or one that
 * the source knows beside one that it refuses (INC-23, INC-24). The request is refused.
 */
export class AmbiguousCredentials extends Error {
  override readonly name = "AmbiguousCredentials";
}

/**
 * Does this session belong to who is there now? Another account, or another session of the source, shows its
 * own second factor.
 */
export async function belongsTo(
  keyring: Keyring,
  session: FullSession,
  source: FirstFactorSource | null,
): Promise<boolean> {
  if (source === null) return session.realm === localRealm;
  if (session.realm !== source.realm || session.binding === null) return false;
  const evidence = await source.evidence();
  return evidence !== null && matchesBinding(keyring, session.binding, evidence);
}
