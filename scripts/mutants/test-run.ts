/** The result of a test run. */
export interface TestRun {
  readonly passed: number;
  /** Tests that failed, with the reason, except by a timeout: a busy machine also causes timeouts. */
  readonly failed: readonly string[];
  /** Tests that ended with an error such as a TypeError, instead of a failed assertion. */
  readonly crashed: readonly string[];
  /** True when every test file was loaded and the runner exited by itself. */
  readonly complete: boolean;
  /** The end of the runner's output. */
  readonly output: string;
}

export type Verdict = "caught" | "survived" | "broken";

/** A fault is caught only by a failed assertion: a program that does not run, or crashes on every input, proves nothing about its tests. */
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
 * @param fileCount the number of test files that were passed to the runner
 * @param code the exit code of the runner; null when it was killed
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
