import { styleText } from "node:util";
import cliProgress from "cli-progress";
import { safeJson, visible } from "./text.ts";

type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** A stream that may be a terminal. */
type Sink = NodeJS.WriteStream;

/** A line of the terminal that shows how far something has come. */
export interface Bar {
  readonly update: (done: number | null, words: string) => void;
  /** Takes the line away, and gives the terminal back. */
  readonly end: () => void;
}

/**
 * Where a command writes: what it came to on standard output, everything else on standard error. All text that is
 * written has its control characters made visible here, wherever it comes from (INC-37): the streams are private, and
 * no other file of this folder but the prompts writes on a terminal.
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

  /** The columns of the terminal that results are written to. Null: it is none. */
  get columns(): number | null {
    return this.#stdout.isTTY ? this.#stdout.columns || 80 : null;
  }

  /** Whether a person can see a bar. */
  get hasBar(): boolean {
    return this.#stderr.isTTY === true;
  }

  /**
   * Shows a bar on standard error.
   *
   * @param total of the same unit as what is done. Null: it is not known, and there are words only
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

  /** What the command came to, for a program: one line of JSON, only with `--json`. */
  data(value: unknown): void {
    if (this.json) this.#stdout.write(`${safeJson(value)}\n`);
  }

  /** What the command came to, for a person: not with `--json`. */
  line(text: string, style?: Style): void {
    if (!this.json) this.#write(this.#stdout, text, style);
  }

  lines(lines: readonly string[]): void {
    for (const line of lines) this.line(line);
  }

  /** A table: its first line is the heading. */
  table([heading = "", ...rows]: readonly string[]): void {
    this.line(heading, "bold");
    this.lines(rows);
  }

  /** A word beside the result. */
  note(text: string, style?: Style): void {
    this.#write(this.#stderr, text, style);
  }

  notes(texts: readonly string[], style?: Style): void {
    for (const text of texts) this.note(text, style);
  }

  /** Why it did not work. */
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
