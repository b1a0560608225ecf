/** A row of a table in a dump: its cells by the name of their column. Null is SQL's null. */
export type SqlRow = ReadonlyMap<string, string | null>;

/**
 * Yields the rows of one table in a dump of `pg_dump`: of its `COPY … FROM stdin` blocks and its `INSERT INTO … VALUES` statements.
 * Other statements are left out.
 *
 * @param table such as `auth.users`
 */
export function* readSqlRows(dump: string, table: string): Generator<SqlRow, void, undefined> {
  const name = table
    .split(".")
    .map((part) => `"?${part}"?`)
    .join("\\.");
  const statement = new RegExp(
    `^(COPY|INSERT INTO) ${name} \\(([^)]*)\\) (?:FROM stdin;|(?:OVERRIDING \\w+ VALUE )?VALUES\\s*)`,
    "gim",
  );
  for (let found = statement.exec(dump); found !== null; found = statement.exec(dump)) {
    const [, kind = "", list = ""] = found;
    const columns = list.split(",").map((column) => column.trim().replaceAll('"', ""));
    const rows =
      kind.toUpperCase() === "COPY"
        ? readCopy(dump, statement.lastIndex)
        : readValues(dump, statement.lastIndex);
    for (const { cells, end } of rows) {
      statement.lastIndex = end;
      if (cells.length === columns.length)
        yield new Map(columns.map((column, index) => [column, cells[index] ?? null]));
    }
  }
}

interface Parsed {
  readonly cells: readonly (string | null)[];
  /** The index behind the row. */
  readonly end: number;
}

/** The text format of COPY: one row in each line, cells separated by tabs, `\N` for null. */
function* readCopy(dump: string, from: number): Generator<Parsed, void, undefined> {
  let start = dump.indexOf("\n", from - 1) + 1;
  while (start > 0 && start < dump.length) {
    const end = dump.indexOf("\n", start);
    const line = dump.slice(start, end === -1 ? dump.length : end).replace(/\r$/, "");
    if (line === "\\.") return;
    yield { cells: line.split("\t").map(unescapeCopy), end: start };
    start = end + 1;
  }
}

const copyEscapes: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const unescapeCopy = (cell: string): string | null =>
  cell === "\\N" ? null : cell.replace(/\\(.)/g, (_, letter: string) => copyEscapes[letter] ?? letter);

/** A string in single quotes (`E'…'` with backslashes), a number or a word, with an optional cast. */
const valuePattern = /\s*(?:(E?)'((?:[^']|'')*)'|([^\s,()']+))(?:::[\w."]+(?:\[\])?)?\s*/iy;

/** `(…), (…);` */
function* readValues(dump: string, from: number): Generator<Parsed, void, undefined> {
  let at = from;
  const skip = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(dump);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (skip(/\s*\(/y)) {
    const cells: (string | null)[] = [];
    do {
      const value = skip(valuePattern);
      if (value === null) return;
      const [, escaped, text, word] = value;
      if (text === undefined) cells.push(word?.toUpperCase() === "NULL" ? null : (word ?? null));
      else cells.push(unquote(text, escaped !== ""));
    } while (skip(/,/y));
    if (!skip(/\)\s*/y)) return;
    yield { cells, end: at };
    if (!skip(/,/y)) return;
  }
}

function unquote(text: string, hasEscapes: boolean): string {
  const quoted = text.replaceAll("''", "'");
  return hasEscapes ? (unescapeCopy(quoted) ?? "") : quoted;
}
