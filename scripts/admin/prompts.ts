import { AdminError, exitCodes, usageError } from "./failure.ts";
import { visible } from "./text.ts";

/** Questions to whoever sits at the terminal. They are asked on standard error: standard output is for results. */
export class Prompts {
  readonly canAsk: boolean;
  readonly #yes: boolean;
  readonly #signal: AbortSignal;

  constructor({ yes, signal }: { yes: boolean; signal: AbortSignal }) {
    this.canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
    this.#yes = yes;
    this.#signal = signal;
  }

  /** Asks for something that must not be seen. */
  async secret(message: string): Promise<string> {
    const { default: password } = await import("@inquirer/password");
    const validate = (text: string) => text !== "" || "Nothing was typed. Ctrl-C ends this.";
    return this.#ask((context) =>
      password({ message: visible(message), toggleMask: false, validate }, context),
    );
  }

  /** Asks twice for a new password: nobody sees a slip of the finger. */
  async newPassword(whose: string): Promise<string> {
    const first = await this.secret(`Password for ${whose}`);
    if (first === (await this.secret("The same again"))) return first;
    throw new AdminError(exitCodes.refused, "These are two different passwords. Nothing was changed.");
  }

  /**
   * Returns when somebody has agreed to it, here or with `--yes`.
   *
   * @param what a sentence that ends with a question mark
   * @throws AdminError when they have not, or there is nobody to ask
   */
  async consent(what: string): Promise<void> {
    if (this.#yes) return;
    if (!this.canAsk) throw usageError(what, "There is no terminal to ask at: say --yes.");
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
      // Ctrl-C is a key here and no signal, because the prompt reads single keys.
      if (error instanceof Error && error.name === "ExitPromptError") throw new InterruptedAtPrompt();
      throw error;
    }
  }
}

/** Somebody pressed Ctrl-C instead of an answer. */
export class InterruptedAtPrompt extends AdminError {
  constructor() {
    super(130, "Interrupted. Nothing was changed.");
  }
}
