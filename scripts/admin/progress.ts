import type { Output } from "./output.ts";

/** Shows the progress of a command. */
export interface Progress {
  /**
   * @param done in the unit of the total
   * @param words the result so far
   */
  readonly update: (done: number, words: string) => void;
  /** Shows the reason for a delay. */
  readonly pause: (why: string) => void;
  /** Removes the bar and shows the cursor again. Must be called after success and after failure. */
  readonly end: () => void;
}

/** Without a terminal, a line is written for each step of this many percent. */
const percentStep = 10;
const linesWithoutTotal = 10;

/**
 * Creates a progress bar on a terminal, and occasional lines without one.
 *
 * @param total null when it is unknown
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
