import { hasVariantBelow } from "../core/parsing/raw-path.ts";
import { evaluatePolicy, type RequestInterpretation } from "../core/policy/evaluate-policy.ts";
import type { PolicyDecision } from "../core/policy/policy.ts";
import { isSafeMethod } from "../core/policy/safe-method.ts";
import { type AccessGranted, type AccessResult, authorizeSession } from "../domain/access/access.ts";
import type { Deps } from "../domain/deps.ts";
import { type FullSession, issueTokenToRecheck } from "../domain/sessions/sessions.ts";
import { provisionAndAuthorize } from "../domain/sign-in/external-sign-in.ts";
import type { FirstFactorSource } from "../domain/sign-in/first-factor-source.ts";
import type { ClientContext } from "../store/service/audit.ts";
import { type AskedRequest, findMeanings, type UnreadablePart } from "./request-meanings.ts";

/** Who wants to go where. */
export interface AccessRequest extends AskedRequest {
  /** As its token says, and belonging to what the request shows of the source. */
  readonly session: FullSession | null;
  /** Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
  /** A browser that will keep a cookie. */
  readonly keepsCookies: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

/** The visitor, without the request. */
export type Visitor = Omit<AccessRequest, keyof AskedRequest>;

/** A request that is refused whatever the visitor has shown. */
export type Unjudged =
  /** A part of the request can't be judged. */
  | { readonly kind: "unreadable"; readonly part: UnreadablePart }
  /** The path belongs to Sallyport in some variant, so it is never the origin's (INC-34). */
  | { readonly kind: "own_path" };

export interface Judged {
  readonly kind: "judged";
  /** What the request requires. */
  readonly decision: PolicyDecision;
  /** Whether the visitor has shown it. */
  readonly judgement: AccessResult;
  /** The origin may change something when it serves the request. */
  readonly mayChange: boolean;
}

/** Judges a request to the origin by the policy, in every way in which the origin may serve it (INC-31). */
export async function authorizeRequest(deps: Deps, passenger: AccessRequest): Promise<Judged | Unjudged> {
  const { policy, basePath } = deps.config;
  const meanings = findMeanings(deps.config, passenger);
  if (typeof meanings === "string") return { kind: "unreadable", part: meanings };
  const { itself, others } = meanings;
  const decision = evaluatePolicy(policy, itself, others);
  if (decision === null) return { kind: "unreadable", part: "path" };
  if (hasVariantBelow(basePath, itself.path) !== false) return { kind: "own_path" };
  const { session, source, now } = passenger;
  const { requirement } = decision;
  const judgement =
    source === null
      ? await authorizeSession(deps, requirement, session, now)
      : await provisionAndAuthorize(deps, { ...passenger, source, requirement });
  return { kind: "judged", decision, judgement, mayChange: [itself, ...others].some(isChange) };
}

/** What a POST may be beside a POST (`namedOnly`) changes no more than the POST. */
const isChange = ({ method, namedOnly }: RequestInterpretation) =>
  namedOnly !== true && !isSafeMethod(method);

/**
 * A site with its own login may have signed somebody in or out by a form, under the same session cookie. So after
 * every request that can change something, the next one asks again.
 */
export async function expireTokenAfterChange(
  deps: Deps,
  { session, source }: Pick<AccessRequest, "session" | "source">,
  mayChange: boolean,
  passage: AccessGranted,
): Promise<AccessGranted> {
  const current = passage.renewed?.session ?? session;
  if (current === null || !mayChange || source?.realm !== "origin") return passage;
  return { ...passage, renewed: await issueTokenToRecheck(deps, current) };
}
