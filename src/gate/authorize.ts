import { hasPathVariantAtOrBelow } from "../core/parsing/raw-path.ts";
import { evaluatePolicy, type RequestInterpretation } from "../core/policy/evaluate-policy.ts";
import type { ScopedRequirement } from "../core/policy/policy.ts";
import { isSafeMethod } from "../core/policy/safe-method.ts";
import { type AccessGranted, type AccessResult, authorizeSession } from "../domain/access/access.ts";
import type { Deps } from "../domain/deps.ts";
import { type FullSession, issueTokenToRecheck } from "../domain/sessions/sessions.ts";
import { provisionAndAuthorize } from "../domain/sign-in/external-sign-in.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import type { ClientAndActor } from "../store/service/audit.ts";
import {
  findRequestInterpretations,
  type RequestParts,
  type UnreadableRequestPart,
} from "./request-interpretations.ts";

/** A request for the origin, with the session and the first factor of the visitor. */
export interface AuthorizeRequestInput extends RequestParts {
  /** The session of the request's token, which is bound to the first factor of this request. Null: there is none. */
  readonly session: FullSession | null;
  /** Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
  /** True for a page load of a browser, which stores the cookie of a new session. */
  readonly keepsCookies: boolean;
  readonly client: ClientAndActor;
  readonly now: Date;
}

/** The part of an {@link AuthorizeRequestInput} that is about the visitor. */
export type VisitorContext = Omit<AuthorizeRequestInput, keyof RequestParts>;

/** A request that is rejected whatever session it has. */
export type RejectedRequest =
  /** A part of the request is invalid, so the policy can't be applied. */
  | { readonly kind: "unreadable"; readonly part: UnreadableRequestPart }
  /** A variant of the path is below `BASE_PATH`, so the request is never forwarded (INC-34). */
  | { readonly kind: "own_path" };

/** A request to which the policy was applied. Its access can be granted or denied. */
export interface EvaluatedRequest {
  readonly kind: "evaluated";
  /** What the policy requires of the request. */
  readonly decision: ScopedRequirement;
  /** Whether the visitor meets the requirement. */
  readonly access: AccessResult;
  /** True when the origin may change state when it serves the request. */
  readonly mayChange: boolean;
}

/**
 * Applies the policy to a request for the origin, in every way in which the origin may serve it (INC-31), and checks whether
 * the visitor meets the strictest requirement. It may renew the session, or create the account of an external identity.
 */
export async function authorizeRequest(
  deps: Deps,
  request: AuthorizeRequestInput,
): Promise<EvaluatedRequest | RejectedRequest> {
  const { policy, basePath } = deps.config;
  const interpretations = findRequestInterpretations(deps.config, request);
  if (typeof interpretations === "string") return { kind: "unreadable", part: interpretations };
  const { itself, others } = interpretations;
  const decision = evaluatePolicy(policy, itself, others);
  if (decision === null) return { kind: "unreadable", part: "path" };
  if (hasPathVariantAtOrBelow(basePath, itself.path) !== false) return { kind: "own_path" };
  const { session, source, now } = request;
  const { requirement } = decision;
  const access =
    source === null
      ? await authorizeSession(deps, requirement, session, now)
      : await provisionAndAuthorize(deps, { ...request, source, requirement });
  return { kind: "evaluated", decision, access, mayChange: [itself, ...others].some(isChange) };
}

/** A method that the body of a POST may name (`namedOnly`) is left out: the POST itself is a change already. */
const isChange = ({ method, namedOnly }: RequestInterpretation) =>
  namedOnly !== true && !isSafeMethod(method);

/**
 * Makes the next request recheck the session, after a request that may have changed something, when the first factor is the
 * origin's own login: the origin may have signed another account in under the same session cookie. Returns the access with
 * the token for this, or the access as it was.
 */
export async function forceSessionRecheckAfterChange(
  deps: Deps,
  { session, source }: Pick<AuthorizeRequestInput, "session" | "source">,
  mayChange: boolean,
  granted: AccessGranted,
): Promise<AccessGranted> {
  const current = granted.renewed?.session ?? session;
  if (current === null || !mayChange || source?.realm !== "origin") return granted;
  return { ...granted, renewed: await issueTokenToRecheck(deps, current) };
}
