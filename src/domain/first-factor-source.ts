import { isBoundTo } from "../core/binding.ts";
import type { Keyring } from "../core/keyring.ts";
import type { FullSession } from "./sessions.ts";
import { localRealm } from "./sign-in.ts";

/** Somebody whom a source knows. */
export interface ExternalIdentity {
  /** Canonical: `core/username.ts`. */
  readonly username: string;
  readonly email: string | null;
}

/**
 * What one request shows of a first factor that is not a password here. Null in its place: passwords are the
 * first factor.
 */
export interface FirstFactorSource {
  /** The name space of its users. */
  readonly realm: "origin" | "jwt" | "proxy";
  /** Who is nobody there passes: the site has its login behind the gate. */
  readonly nobodyPasses: boolean;
  /** The request shows a credential that the source may not be asked about in the same way as it is used. */
  readonly showsOtherCredential: boolean;
  /** Where to sign in, at the site. Null: not there, or anywhere. */
  readonly loginPath: string | null;
  /**
   * What a session is bound to: it changes when somebody else, or another session of the source, is there.
   * It costs no trip. Null: nobody can be signed in.
   *
   * @throws FirstFactorUnavailable
   */
  evidence(): Promise<readonly string[] | null>;
  /**
   * Asks the source who is there. Null: nobody.
   *
   * @throws FirstFactorUnavailable when the source can't tell, and so nobody passes (STANDARDS INC-20)
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
  return evidence !== null && isBoundTo(keyring, session.binding, evidence);
}
