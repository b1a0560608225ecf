import type { Output } from "./output.ts";

/** Shows how far something has come. */
export interface Progress {
  /**
   * @param done of the same unit as the total
   * @param words what has come of it so far
   */
  readonly update: (done: number, words: string) => void;
  /** Says why nothing moves. */
  readonly pause: (why: string) => void;
  /** Gives the terminal back. To be called however it ends. */
  readonly end: () => void;
}

/** A log that somebody reads later has one line for each of these. */
const percentStep = 10;
const linesWithoutTotal = 10;

/**
 * A bar on a terminal, and plain lines now and then where there is none.
 *
 * @param total null: nobody knows
 */
export function createProgress(output: Output, total: number | null): Progress {
  return output.hasBar ? createBar(output, total) : createLines(output, total);
}

function createBar(output: Output, total: number | null): Progress {
  const bar = output.openBar(total);
  return { update: bar.update, pause: (why) => bar.update(null, why), end: bar.end };
}

function createLines(output: Output, total: number | null): Progress {
  let calls = 0;
  let next = percentStep;
  return {
    update: (done, words) => {
      calls += 1;
      const percent = total === null ? null : Math.floor((100 * done) / Math.max(total, 1));
      if (percent === null ? calls % linesWithoutTotal !== 0 : percent < next) return;
      next = (percent ?? 0) + percentStep;
      output.note(percent === null ? words : `${String(percent).padStart(3)} %  ${words}`);
    },
    pause: (why) => output.note(why),
    end: () => {},
  };
}
