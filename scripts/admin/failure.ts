/** How the program ends. `docs/admin-cli.md` has the same table. */
export const exitCodes = {
  done: 0,
  /** The server refused, some lines of an import failed, or a question was answered with no. */
  refused: 1,
  usage: 2,
  unreachable: 3,
} as const;

/** What a shell says of a program that a signal has ended: 128 and the signal's number. */
export const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** The end of a command. Its lines are all that is shown. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly exitCode: number;
  readonly lines: readonly string[];

  constructor(exitCode: number, ...lines: string[]) {
    super(lines.join(" "));
    this.exitCode = exitCode;
    this.lines = lines.filter((line) => line !== "");
  }

  /** The same for a program: what `--json` writes instead of a result. Null: the result says it. */
  toJson(): object | null {
    const code = codes[this.exitCode] ?? "interrupted";
    return { error: { code, detail: this.lines.join(" ") } };
  }
}

const codes: Readonly<Record<number, string>> = { 1: "refused", 2: "usage", 3: "unreachable" };

/** The command was not understood, or lacks something that only its user can give. */
export const usageError = (...lines: string[]) => new AdminError(exitCodes.usage, ...lines);

/** The command has told what it came to, and that is not what was wanted. */
export class PartlyDone extends AdminError {
  override toJson(): null {
    return null;
  }
}

/** A refusal by the server: RFC 9457 members, and when to come back. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;
  /** Everything that the document says. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** The server understood the request and said no. */
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

/** Nobody answers there, or somebody else does. */
export class Unreachable extends AdminError {
  constructor(...lines: string[]) {
    super(exitCodes.unreachable, ...lines);
  }
}

/** May it be that the same call succeeds later, without anybody doing anything here? */
export const mayPass = (error: unknown): error is AdminError =>
  error instanceof Unreachable ||
  (error instanceof ServerRefusal && (error.problem.status === 429 || error.problem.status >= 500));
