import { isDeepStrictEqual } from "node:util";
import { describeOutcome } from "./describe-outcome.ts";
import type { Difference, Passage } from "./difference.ts";
import { withoutRandomness } from "./seen.ts";
import type { Outcome } from "./surroundings.ts";

/** What was predicted, what has happened, and the differences that the prediction needed. */
export interface Comparison {
  readonly expected: readonly string[];
  readonly actual: readonly string[];
  /** Ids of differences that changed the expected outcome, or made the two equal in a detail. */
  readonly shown: readonly string[];
}

/** Predicts from the direct outcome what a passage through the gate or nginx looks like. */
export function compare(
  direct: Outcome,
  through: Outcome,
  passage: Passage,
  all: readonly Difference[],
): Comparison {
  const here = all.filter(({ at }) => at.some((place) => place === passage.way.through));
  const [left, right] = [withoutRandomness(direct), withoutRandomness(through)];
  const changed = applyRefusal(applyChanges(left, passage, here), left, passage, here);
  const blurred = applyIgnored(changed.outcome, right, here);
  return {
    expected: describeOutcome(blurred.expected),
    actual: describeOutcome(blurred.actual),
    shown: [...changed.shown, ...blurred.shown],
  };
}

interface Changed {
  readonly outcome: Outcome;
  readonly shown: readonly string[];
}

/** A refused request does not reach the origin. A refused response replaces that of the origin. */
function applyRefusal(
  changed: Changed,
  direct: Outcome,
  passage: Passage,
  here: readonly Difference[],
): Changed {
  for (const { id, of, refuses } of here) {
    const final = refuses?.(passage, direct) ?? null;
    if (final === null) continue;
    const received = { interim: [], final, frames: [] };
    if (of === "request") return { outcome: { requests: [], frames: [], received }, shown: [id] };
    return { outcome: { ...changed.outcome, received }, shown: [...changed.shown, id] };
  }
  return changed;
}

function applyChanges(direct: Outcome, passage: Passage, here: readonly Difference[]): Changed {
  let outcome = direct;
  const shown: string[] = [];
  for (const { id, changes } of here) {
    const changed = changes?.(passage)(outcome) ?? outcome;
    if (!isDeepStrictEqual(changed, outcome)) shown.push(id);
    outcome = changed;
  }
  return { outcome, shown };
}

/** A detail that is ignored is shown where it differs. */
function applyIgnored(changed: Outcome, through: Outcome, here: readonly Difference[]) {
  let [expected, actual] = [changed, through];
  const shown: string[] = [];
  for (const { id, ignores } of here) {
    if (ignores === undefined) continue;
    const [left, right] = [ignores(expected), ignores(actual)];
    const isIgnored = !isDeepStrictEqual(left, expected) || !isDeepStrictEqual(right, actual);
    if (isIgnored && !isDeepStrictEqual(expected, actual)) shown.push(id);
    [expected, actual] = [left, right];
  }
  return { expected, actual, shown };
}
