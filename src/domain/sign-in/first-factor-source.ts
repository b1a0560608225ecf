import { isEqualInConstantTime } from "../../core/crypto/constant-time.ts";
import type { Keyring } from "../../core/crypto/keyring.ts";
import { type FirstFactorEvidence, matchesSessionBinding } from "../../core/tokens/session-binding.ts";
import type { FullSession } from "../sessions/sessions.ts";
import type { ExternalRealmName } from "./external-realm.ts";
import { localRealm } from "./password-sign-in.ts";

/** An account that a source has named. */
export interface ExternalIdentity {
  /** The subject, exactly as the source named it (INC-27); canonical with `EXTERNAL_NAMES=canonical`. */
  readonly username: string;
  readonly email: string | null;
}

/** The external first factor of one request. Null in its place: passwords are the first factor. */
export interface FirstFactorSource {
  /** The realm of its accounts. */
  readonly realm: ExternalRealmName;
  /** Anonymous visitors are passed to the origin, because the site has its own login behind the gate. */
  readonly allowsAnonymous: boolean;
  /**
   * The request has a header or query parameter of `ORIGIN_CREDENTIALS`. A site may accept it in one place, such as its WebSocket,
   * and not at the who-am-I, so the request is not passed as anonymous.
   */
  readonly hasHeaderOrQueryCredential: boolean;
  /** The path of the site's sign-in page. Null: it has none, or sign-in is possible on any page. */
  readonly loginPath: string | null;
  /** The request repeats a credential, so a fresh session is not accepted without asking the source (INC-23). */
  readonly alwaysIdentify: boolean;
  /**
   * The credentials that a session is bound to. They change with the account and with the session at the source. No I/O.
   *
   * @returns null when the request shows no credential, or shows credentials that can be read in two ways
   * @throws FirstFactorUnavailableError
   */
  evidence(): Promise<FirstFactorEvidence | null>;
  /** The cookies in {@link evidence}: the part that a page load of the same browser sends, too. Null: there are none, or the source binds to no cookie. */
  cookieEvidence(): Promise<FirstFactorEvidence | null>;
  /** True when the first factor may be a credential that a page load of the same browser doesn't send, such as a header of a script. */
  readonly mayHandOver: boolean;
  /**
   * Returns the binding of a first factor that was handed over (`domain/sign-in/hand-over.ts`). Sessions are compared with it in place of
   * {@link evidence}. Null, or no such method: no first factor was handed over.
   */
  handedOverBinding?(): Promise<string | null>;
  /**
   * Asks the source which account the request belongs to.
   *
   * @returns null for an anonymous visitor
   * @throws FirstFactorUnavailableError when the source can't tell, so the request is refused (INC-20)
   * @throws AmbiguousCredentialsError when the request's credentials do not all name the same account (INC-24)
   */
  identify(): Promise<ExternalIdentity | null>;
  /**
   * Asks the source again, for a WebSocket that outlives its request: at `now`, a token of the request may have expired.
   * Throws as {@link identify}.
   */
  identifyAgain(now: Date): Promise<ExternalIdentity | null>;
}

/** The source did not respond, or its response is not valid. The client gets a 503 (INC-20). */
export class FirstFactorUnavailableError extends Error {
  override readonly name = "FirstFactorUnavailableError";
}

/**
 * The request shows credentials that two parts of the site may read differently: in two ways, of two accounts, or one that
 * the source knows beside one that it refuses (INC-23, INC-24). The request is refused.
 */
export class AmbiguousCredentialsError extends Error {
  override readonly name = "AmbiguousCredentialsError";
}

/**
 * True when the session is bound to the credentials of this request. Another account, or another session of the same
 * account at the source, must show its own second factor.
 */
export async function isSessionBoundToCredentials(
  keyring: Keyring,
  session: FullSession,
  source: FirstFactorSource | null,
): Promise<boolean> {
  if (source === null) return session.realm === localRealm;
  if (session.realm !== source.realm || session.binding === null) return false;
  const handedOver = (await source.handedOverBinding?.()) ?? null;
  if (handedOver !== null) return isEqualInConstantTime(session.binding, handedOver);
  const evidence = await source.evidence();
  return evidence !== null && matchesSessionBinding(keyring, session.binding, evidence);
}
