import { type Decision, judgePath } from "../core/policy.ts";
import { isReadBelow } from "../core/raw-path.ts";
import { type Judgement, judgeAccess, type Passage } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import { judgeExternalAccess } from "../domain/external-access.ts";
import type { FirstFactorSource } from "../domain/first-factor-source.ts";
import { distrustSession, type FullSession } from "../domain/sessions.ts";
import type { ClientContext } from "../store/audit.ts";

/** Who wants to go where. */
export interface Passenger {
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** As its token says, and belonging to what the request shows of the source. */
  readonly session: FullSession | null;
  /** Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
  /** A browser that will keep a cookie. */
  readonly keepsCookies: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

export type PassengerJudgement =
  /** What the path requires, and whether it is there. */
  | { readonly kind: "judged"; readonly decision: Decision; readonly judgement: Judgement }
  /** The path can't be judged, so the request is refused. */
  | { readonly kind: "unreadable_path" }
  /** The path belongs to Sallyport in some reading, so it is never the origin's (INC-34). */
  | { readonly kind: "own_path" };

/** Judges a request to the origin by the policy. */
export async function judgePassenger(
  deps: Deps,
  { method, path, ...passenger }: Passenger,
): Promise<PassengerJudgement> {
  const { policy, basePath } = deps.config;
  const decision = judgePath(policy, method, path);
  if (decision === null) return { kind: "unreadable_path" };
  if (isReadBelow(basePath, path) !== false) return { kind: "own_path" };
  const { session, source, now } = passenger;
  const { requirement } = decision;
  const judgement =
    source === null
      ? await judgeAccess(deps, requirement, session, now)
      : await judgeExternalAccess(deps, { ...passenger, source, requirement });
  return { kind: "judged", decision, judgement };
}

/**
 * A site with its own login may have signed somebody in or out by a form, under the same session cookie. So after
 * every request that can change something, the next one asks again.
 */
export async function distrustAfterChange(
  deps: Deps,
  { method, session, source }: Pick<Passenger, "method" | "session" | "source">,
  passage: Passage,
): Promise<Passage> {
  const current = passage.renewed?.session ?? session;
  const safe = ["GET", "HEAD", "OPTIONS"].includes(method);
  if (current === null || safe || source?.realm !== "origin") return passage;
  return { ...passage, renewed: await distrustSession(deps, current) };
}
