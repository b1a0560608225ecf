import { styleText } from "node:util";
import { safeJson, visible } from "./text.ts";

type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** A stream that may be a terminal. */
type Sink = NodeJS.WriteStream;

/**
 * Where a command writes: what it came to on standard output, everything else on standard error. Whatever is written
 * has its control characters made visible here, wherever it comes from.
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

  get errorStream(): Sink {
    return this.#stderr;
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
