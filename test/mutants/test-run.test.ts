import { describe, expect, it } from "vitest";
import { judge, readReport } from "../../scripts/mutants/test-run.ts";

/** The messages of one test: none, and it passed. */
type Messages = readonly string[];

/** A report as Vitest's JSON reporter writes it, of one file for each list of tests. */
function report(...files: readonly (readonly Messages[])[]): string {
  const testResults = files.map((tests) => ({
    status: "passed",
    assertionResults: tests.map((failureMessages, at) => ({
      status: failureMessages.length === 0 ? "passed" : "failed",
      title: `test ${at}`,
      failureMessages,
    })),
  }));
  return JSON.stringify({ testResults });
}

const verdict = (text: string, fileCount: number, code: number | null) =>
  judge({ ...readReport(text, fileCount, code), output: "" });

const pass: Messages = [];
const wrong: Messages = ["AssertionError: expected 200 to be 401\n    at test.ts:1:1"];
const crash: Messages = ["TypeError: Cannot read properties of undefined (reading 'x')\n    at a.ts:1:1"];
const slow: Messages = ["Error: Test timed out in 120000ms."];

describe("what a run of tests says of a fault", () => {
  it("is that it was caught when an expectation failed, whatever happened beside it", () => {
    expect(verdict(report([pass, wrong, pass]), 1, 1)).toBe("caught");
    expect(verdict(report([crash, wrong]), 1, 1)).toBe("caught");
    expect(verdict(report([pass], [wrong]), 3, null)).toBe("caught");
    expect(verdict(report([['Error: promise rejected "TypeError: x" instead of resolving']]), 1, 1)).toBe(
      "caught",
    );
  });

  it("is that it survived when all tests have run and passed", () => {
    expect(verdict(report([pass], [pass]), 2, 0)).toBe("survived");
  });

  it.each([
    ["no test has run", report([]), 1, 0],
    ["a file is missing", report([pass]), 2, 0],
    ["the runner failed or was ended", report([pass]), 1, null],
    ["tests took too long and did nothing else", report([pass, slow]), 1, 1],
    ["the program crashed and did nothing else", report([pass, crash]), 1, 1],
    ["a name is unknown", report([["ReferenceError: lte is not defined"]]), 1, 1],
    ["a file can't be read", report([["SyntaxError: Unexpected token"]]), 1, 1],
  ])("is nothing, because the fault is broken, when %s", (_what, text, fileCount, code) => {
    expect(verdict(text, fileCount, code)).toBe("broken");
  });

  it("names each test that failed, with the first line of the reason", () => {
    const { passed, failed, crashed } = readReport(report([pass, wrong, crash, slow]), 1, 1);
    expect(passed).toBe(1);
    expect(failed).toEqual(["test 1\n    AssertionError: expected 200 to be 401"]);
    expect(crashed).toEqual(["test 2\n    TypeError: Cannot read properties of undefined (reading 'x')"]);
  });
});
