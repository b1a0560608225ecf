import { AdminError, exitCodes, usageError } from "./failure.ts";
import { visible } from "./text.ts";

/** Prompts on the terminal. They are written to standard error, because standard output is for results. */
export class Prompts {
  readonly canAsk: boolean;
  readonly #yes: boolean;
  readonly #signal: AbortSignal;

  constructor({ yes, signal }: { yes: boolean; signal: AbortSignal }) {
    this.canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
    this.#yes = yes;
    this.#signal = signal;
  }

  /** Prompts for a secret, which is not shown. */
  async secret(message: string): Promise<string> {
    const { default: password } = await import("@inquirer/password");
    const validate = (text: string) => text !== "" || "Enter a value, or press Ctrl-C to cancel.";
    return this.#ask((context) =>
      password({ message: visible(message), toggleMask: false, validate }, context),
    );
  }

  /** Prompts twice for a new password, because typing errors are not visible. */
  async newPassword(whose: string): Promise<string> {
    const first = await this.secret(`Password for ${whose}`);
    if (first === (await this.secret("Repeat the password"))) return first;
    throw new AdminError(exitCodes.refused, "The passwords differ. Nothing was changed.");
  }

  /**
   * Returns when the action is confirmed at the prompt or with `--yes`.
   *
   * @param what a sentence that ends with a question mark
   * @throws AdminError when it is not confirmed, or there is no terminal
   */
  async consent(what: string): Promise<void> {
    if (this.#yes) return;
    if (!this.canAsk) throw usageError(what, "There is no terminal for a confirmation. Use --yes.");
    const { default: confirm } = await import("@inquirer/confirm");
    if (await this.#ask((context) => confirm({ message: visible(what), default: false }, context))) return;
    throw new AdminError(exitCodes.refused, "Nothing was changed.");
  }

  async #ask<T>(
    ask: (context: { output: NodeJS.WriteStream; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await ask({ output: process.stderr, signal: this.#signal });
    } catch (error) {
      // The prompt reads single keys, so Ctrl-C arrives as a key and not as a signal.
      if (error instanceof Error && error.name === "ExitPromptError") throw new InterruptedAtPrompt();
      throw error;
    }
  }
}

/** Ctrl-C was pressed at a prompt. */
export class InterruptedAtPrompt extends AdminError {
  constructor() {
    super(130, "Interrupted. Nothing was changed.");
  }
}
