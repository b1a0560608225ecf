import { judgeMeanings, type Meaning, type Verdict } from "../core/judge-path.ts";
import { type Judgement, judgeAccess, type Passage } from "../domain/access.ts";
import type { Deps } from "../domain/deps.ts";
import { judgeExternalAccess } from "../domain/external-access.ts";
import type { FirstFactorSource } from "../domain/first-factor-source.ts";
import { distrustSession, type FullSession } from "../domain/sessions.ts";
import type { ClientContext } from "../store/audit.ts";
import { type AskedRequest, findMeanings, type Unreadable } from "./request-meanings.ts";

/** Who wants to go where. */
export interface Passenger extends AskedRequest {
  /** As its token says, and belonging to what the request shows of the source. */
  readonly session: FullSession | null;
  /** Null: passwords are the first factor. */
  readonly source: FirstFactorSource | null;
  /** A browser that will keep a cookie. */
  readonly keepsCookies: boolean;
  readonly client: ClientContext;
  readonly now: Date;
}

/** What of a request can't be judged, so that it is not forwarded. */
export type UnreadablePart = "path" | Unreadable;

export interface Judged extends Verdict {
  readonly judgement: Judgement;
  /** The origin may change something when it serves the request. */
  readonly changes: boolean;
}

/** What the request requires in every way in which the origin may serve it, and whether it is there. */
export async function judgePassenger(deps: Deps, passenger: Passenger): Promise<Judged | UnreadablePart> {
  const { config } = deps;
  const meanings = findMeanings(config, passenger);
  if (typeof meanings === "string") return meanings;
  const verdict = judgeMeanings(config.policy, meanings);
  if (verdict === null) return "path";
  const { requirement } = verdict;
  const { session, source, now } = passenger;
  const judgement =
    source === null
      ? await judgeAccess(deps, requirement, session, now)
      : await judgeExternalAccess(deps, { ...passenger, source, requirement });
  return { ...verdict, judgement, changes: meanings.some(isChange) };
}

/** What a POST may be beside a POST (`namedOnly`) changes no more than the POST. */
const isChange = ({ method, namedOnly }: Meaning) =>
  namedOnly !== true && !["GET", "HEAD", "OPTIONS"].includes(method);

/**
 * A site with its own login may have signed somebody in or out by a form, under the same session cookie. So after
 * every request that can change something, the next one asks again.
 */
export async function distrustAfterChange(
  deps: Deps,
  { session, source }: Pick<Passenger, "session" | "source">,
  changes: boolean,
  passage: Passage,
): Promise<Passage> {
  const current = passage.renewed?.session ?? session;
  if (current === null || !changes || source?.realm !== "origin") return passage;
  return { ...passage, renewed: await distrustSession(deps, current) };
}
