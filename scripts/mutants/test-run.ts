/** What a run of tests came to. */
export interface TestRun {
  readonly passed: number;
  /** The tests that failed and why, but for those that only took too long: a busy machine does that, too. */
  readonly failed: readonly string[];
  /** The tests that no expectation ended but an error that code throws when it can't run, such as a TypeError. */
  readonly crashed: readonly string[];
  /** Every test file could be loaded, and the runner ended by itself. */
  readonly complete: boolean;
  /** The end of what the runner wrote. */
  readonly output: string;
}

export type Verdict = "caught" | "survived" | "broken";

/** An expectation has to fail: a program that does not run, or crashes whatever is asked of it, shows nothing about its tests. */
export function judge(run: TestRun): Verdict {
  if (run.failed.length > 0) return "caught";
  return run.complete && run.passed > 0 ? "survived" : "broken";
}

interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * Reads the report of Vitest's JSON reporter.
 *
 * @param fileCount how many test files it was to run
 * @param code the exit code of the runner; null when it was ended
 */
export function readReport(text: string, fileCount: number, code: number | null): Omit<TestRun, "output"> {
  const { testResults }: Report = JSON.parse(text);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests
    .filter(({ status }) => status === "failed")
    .filter(
      ({ failureMessages }) => !failureMessages.every((message) => /timed out in \d+ ?ms/.test(message)),
    )
    .map(({ title, failureMessages: [message = ""] }) => ({
      title,
      message: message.split("\n", 1)[0] ?? "",
    }));
  const isCrash = ({ message }: { message: string }) => /^(Type|Reference|Syntax)Error\b/.test(message);
  const inWords = ({ title, message }: { title: string; message: string }) => `${title}\n    ${message}`;
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed: failed.filter((test) => !isCrash(test)).map(inWords),
    crashed: failed.filter(isCrash).map(inWords),
    complete: code === 0 && testResults.length === fileCount,
  };
}
