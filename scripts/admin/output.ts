import { styleText } from "node:util";
import cliProgress from "cli-progress";
import { safeJson, visible } from "./text.ts";

type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** A stream that may be a terminal. */
type Sink = NodeJS.WriteStream;

/** A progress bar on the terminal. */
export interface Bar {
  readonly update: (done: number | null, words: string) => void;
  /** Removes the bar and shows the cursor again. */
  readonly end: () => void;
}

/**
 * Writes results to standard output, and everything else to standard error. Escapes the control characters of all text, whatever its
 * source (INC-37): the streams are private, and except for the prompts no other file of this folder writes to a terminal.
 */
export class Output {
  readonly json: boolean;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #color: boolean;

  constructor({ json, color }: { json: boolean; color: boolean }) {
    this.json = json;
    this.#stdout = process.stdout;
    this.#stderr = process.stderr;
    this.#color = color;
  }

  /** The width of the terminal on standard output. Null when standard output is not a terminal. */
  get columns(): number | null {
    return this.#stdout.isTTY ? this.#stdout.columns || 80 : null;
  }

  /** True when standard error is a terminal. */
  get hasBar(): boolean {
    return this.#stderr.isTTY === true;
  }

  /**
   * Shows a bar on standard error.
   *
   * @param total in the unit of `done`. Null when it is unknown: then the bar shows words only
   */
  openBar(total: number | null): Bar {
    const bar = new cliProgress.SingleBar({
      stream: this.#stderr,
      format: total === null ? "{words}" : "[{bar}] {percentage}%  {words}  {eta_formatted} left",
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 20,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
    });
    bar.start(total ?? 1, 0, { words: "begins" });
    return {
      update: (done, text) => {
        const words = visible(text);
        if (done === null) bar.update({ words });
        else bar.update(total === null ? 0 : done, { words });
      },
      end: () => bar.stop(),
    };
  }

  /** Writes the result as one line of JSON, only with `--json`. */
  data(value: unknown): void {
    if (this.json) this.#stdout.write(`${safeJson(value)}\n`);
  }

  /** Writes a line of the result, only without `--json`. */
  line(text: string, style?: Style): void {
    if (!this.json) this.#write(this.#stdout, text, style);
  }

  lines(lines: readonly string[]): void {
    for (const line of lines) this.line(line);
  }

  /** Writes a table whose first line is the heading, only without `--json`. */
  table([heading = "", ...rows]: readonly string[]): void {
    this.line(heading, "bold");
    this.lines(rows);
  }

  /** Writes a line to standard error, also with `--json`. */
  note(text: string, style?: Style): void {
    this.#write(this.#stderr, text, style);
  }

  notes(texts: readonly string[], style?: Style): void {
    for (const text of texts) this.note(text, style);
  }

  /** Writes an error message to standard error. */
  error(lines: readonly string[]): void {
    for (const [index, line] of lines.entries())
      this.note(index === 0 ? `sallyport-admin: ${line}` : line, index === 0 ? "red" : undefined);
  }

  #write(stream: Sink, text: string, style: Style | undefined): void {
    const line = visible(text);
    const styled = this.#color && stream.isTTY && style !== undefined;
    stream.write(`${styled ? styleText(style, line, { validateStream: false }) : line}\n`);
  }
}
