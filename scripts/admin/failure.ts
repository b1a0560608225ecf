/** The exit codes, which `docs/admin-cli.md` explains. */
export const exitCodes = {
  done: 0,
  /** The server refused, some lines of an import failed, or a confirmation was denied. */
  refused: 1,
  usage: 2,
  unreachable: 3,
} as const;

/** As in a shell: 128 plus the signal number. */
export const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** An error that ends a command. Only its lines are shown. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly exitCode: number;
  readonly lines: readonly string[];

  constructor(exitCode: number, ...lines: string[]) {
    super(lines.join(" "));
    this.exitCode = exitCode;
    this.lines = lines.filter((line) => line !== "");
  }

  /** The value that `--json` writes in place of a result. Null: a result was written already. */
  toJson(): object | null {
    const code = codes[this.exitCode] ?? "interrupted";
    return { error: { code, detail: this.lines.join(" ") } };
  }
}

const codes: Readonly<Record<number, string>> = { 1: "refused", 2: "usage", 3: "unreachable" };

/** Creates the error for an invalid command line or missing input. */
export const usageError = (...lines: string[]) => new AdminError(exitCodes.usage, ...lines);

/** An error after the result was written. */
export class PartlyDone extends AdminError {
  override toJson(): null {
    return null;
  }
}

/** A problem document (RFC 9457) with its `Retry-After`. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;
  /** All members of the document. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** The server responded with a problem document. */
export class ServerRefusal extends AdminError {
  readonly problem: Problem;

  constructor(problem: Problem, ...advice: string[]) {
    const { status, code, detail, requestId, retryAfterSeconds: wait } = problem;
    const request = requestId === null ? "" : `, request ${requestId}`;
    const waiting = wait === null ? [] : [`Try again in ${wait === 1 ? "a second" : `${wait} seconds`}.`];
    super(exitCodes.refused, `${detail} (${status} ${code}${request})`, ...waiting, ...advice);
    this.problem = problem;
  }

  override toJson(): object {
    const { status, code, detail, requestId, retryAfterSeconds } = this.problem;
    return { error: { code, detail, status, request_id: requestId, retry_after: retryAfterSeconds } };
  }
}

/** There was no response, or one that is not Sallyport's. */
export class Unreachable extends AdminError {
  constructor(...lines: string[]) {
    super(exitCodes.unreachable, ...lines);
  }
}

/** True for a failure that may be temporary. */
export const mayPass = (error: unknown): error is AdminError =>
  error instanceof Unreachable ||
  (error instanceof ServerRefusal && (error.problem.status === 429 || error.problem.status >= 500));
