/** A token of SQL. `string` is the value of a literal, `name` a quoted identifier, `sign` one character. */
export interface SqlToken {
  readonly kind: "word" | "name" | "string" | "sign";
  readonly text: string;
}

/** Thrown when the text ends inside a token, or has another form than `pg_dump` writes. */
export class SqlError extends Error {
  override readonly name = "SqlError";
}

const wordPattern = /[\w.+-]+/y;
const dollarPattern = /\$(?:[A-Za-z_]\w*)?\$/y;
const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** Resolves the backslashes of a text of COPY or of a literal `E'…'`. */
export const unescapeSql = (text: string): string =>
  text.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);

/**
 * Reads a dump token by token. What a user wrote is in literals, so a text of a user that looks like a statement is never one.
 */
export class SqlTokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The number of the line that is read. */
  get line(): number {
    return this.#text.slice(0, this.#at).split("\n").length;
  }

  /** Returns the next token, or null at the end. */
  next(): SqlToken | null {
    this.#skipBlanks();
    const text = this.#text;
    const first = text[this.#at];
    if (first === undefined) return null;
    if (first === "'") return { kind: "string", text: this.#readQuoted("'", false) };
    if (/e/i.test(first) && text[this.#at + 1] === "'") {
      this.#at += 1;
      return { kind: "string", text: unescapeSql(this.#readQuoted("'", true)) };
    }
    if (first === '"') return { kind: "name", text: this.#readQuoted('"', false) };
    if (first === "$" && this.#match(dollarPattern) !== null)
      return { kind: "string", text: this.#readDollar() };
    const word = this.#match(wordPattern);
    this.#at += word?.length ?? 1;
    return word === null ? { kind: "sign", text: first } : { kind: "word", text: word };
  }

  /** Returns the rest of the line, and goes to the next one. Null at the end. */
  nextLine(): string | null {
    if (this.#at >= this.#text.length) return null;
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end === -1 ? undefined : end);
    this.#at = end === -1 ? this.#text.length : end + 1;
    return line.replace(/\r$/, "");
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0] ?? null;
  }

  /** Skips white space, comments, and the commands of psql, which begin with a backslash. */
  #skipBlanks(): void {
    for (;;) {
      this.#at += this.#match(/\s*/y)?.length ?? 0;
      const isLine = this.#text.startsWith("--", this.#at) || this.#text[this.#at] === "\\";
      if (isLine) this.nextLine();
      else if (this.#text.startsWith("/*", this.#at)) this.#at = this.#indexBehind("*/", this.#at + 2);
      else return;
    }
  }

  #indexBehind(mark: string, from: number): number {
    const index = this.#text.indexOf(mark, from);
    if (index === -1) throw new SqlError("a token has no end");
    return index + mark.length;
  }

  /** A doubled quote stands for one. */
  #readQuoted(quote: string, hasEscapes: boolean): string {
    const start = this.#at + 1;
    let end = start;
    for (;;) {
      const behind = this.#indexBehind(quote, end);
      const backslashes = hasEscapes ? /\\*$/.exec(this.#text.slice(end, behind - 1))?.[0].length : 0;
      end = behind;
      if ((backslashes ?? 0) % 2 === 1) continue;
      if (this.#text[end] !== quote) break;
      end += 1;
    }
    this.#at = end;
    return this.#text.slice(start, end - 1).replaceAll(quote + quote, quote);
  }

  #readDollar(): string {
    const tag = this.#match(dollarPattern) ?? "";
    const start = this.#at + tag.length;
    this.#at = this.#indexBehind(tag, start);
    return this.#text.slice(start, this.#at - tag.length);
  }
}
