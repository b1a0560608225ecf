import { usageError } from "../failure.ts";
import { SqlError, type SqlToken, SqlTokens, unescapeSql } from "./sql-tokens.ts";

/** A row of a table in a dump: its cells by the name of their column. Null is SQL's null. */
export type SqlRow = ReadonlyMap<string, string | null>;

/**
 * Reads the rows of some tables of a dump of `pg_dump`: of its `COPY … FROM stdin` blocks and its `INSERT INTO … VALUES`
 * statements. Skips all other statements.
 *
 * @param tables such as `auth.users`
 * @throws AdminError when the dump is incomplete, or has another form
 */
export function readSqlTables(
  dump: string,
  tables: readonly string[],
): ReadonlyMap<string, readonly SqlRow[]> {
  // pg_dump writes the first one at the end, and the command line program of Supabase the second one.
  if (!/PostgreSQL database dump complete|RESET ALL;/.test(dump.slice(-4096)))
    throw usageError(
      "The dump is incomplete: it lacks the last lines, which pg_dump and supabase db dump write.",
    );
  const rows = new Map(tables.map((table) => [table, [] as SqlRow[]]));
  const tokens = new SqlTokens(dump);
  try {
    for (let first = tokens.next(); first !== null; first = tokens.next())
      if (isWord(first, "COPY")) readCopy(tokens, rows);
      else if (isWord(first, "INSERT")) readInsert(tokens, rows);
      else skipStatement(tokens, first);
    return rows;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw usageError(`The dump is incomplete or has another form than pg_dump writes: line ${tokens.line}.`);
  }
}

const isWord = (token: SqlToken | null, word: string): boolean =>
  token?.kind === "word" && token.text.toUpperCase() === word;
const isSign = (token: SqlToken | null, sign: string): boolean =>
  token?.kind === "sign" && token.text === sign;

function skipStatement(tokens: SqlTokens, from: SqlToken): void {
  for (let token: SqlToken | null = from; !isSign(token, ";"); token = tokens.next())
    if (token === null) throw new SqlError("a statement has no end");
}

/** Reads `"auth"."users" ("id", …)`. */
function readTarget(tokens: SqlTokens): { table: string; columns: readonly string[] } {
  let table = "";
  let token = tokens.next();
  for (; token !== null && !isSign(token, "("); token = tokens.next()) {
    // Without names of columns, the first row would be taken for them.
    if (isWord(token, "VALUES")) throw new SqlError("a table has no columns");
    table += token.text;
  }
  return { table, columns: readList(tokens).map((cell) => cell ?? "") };
}

/** Reads the rest of a list in parentheses. A cell is its first token; casts behind it do not count. */
function readList(tokens: SqlTokens): (string | null)[] {
  const cells: (string | null)[] = [];
  let cell: SqlToken | null = null;
  for (let depth = 0; ; ) {
    const token = tokens.next();
    if (token === null || isSign(token, ";")) throw new SqlError("a list has no end");
    const ends = depth === 0 && (isSign(token, ",") || isSign(token, ")"));
    if (isSign(token, "(")) depth += 1;
    else if (isSign(token, ")")) depth -= 1;
    if (!ends) {
      cell ??= token;
      continue;
    }
    if (cell === null) throw new SqlError("a cell is empty");
    cells.push(isWord(cell, "NULL") ? null : cell.text);
    cell = null;
    if (isSign(token, ")")) return cells;
  }
}

function addRow(
  rows: SqlRow[] | undefined,
  columns: readonly string[],
  cells: readonly (string | null)[],
): void {
  if (cells.length !== columns.length) throw new SqlError("a row has another number of cells");
  rows?.push(new Map(columns.map((column, index) => [column, cells[index] ?? null])));
}

/** The text format of COPY: one row in each line, cells separated by tabs, `\N` for null. */
function readCopy(tokens: SqlTokens, rows: Map<string, SqlRow[]>): void {
  const { table, columns } = readTarget(tokens);
  const [from, stdin, end] = [tokens.next(), tokens.next(), tokens.next()];
  if (!isWord(from, "FROM") || !isWord(stdin, "STDIN") || !isSign(end, ";"))
    throw new SqlError("COPY differs");
  tokens.nextLine();
  for (let line = tokens.nextLine(); line !== "\\."; line = tokens.nextLine()) {
    if (line === null) throw new SqlError("COPY has no end");
    const cells = line.split("\t").map((cell) => (cell === "\\N" ? null : unescapeSql(cell)));
    addRow(rows.get(table), columns, cells);
  }
}

function readInsert(tokens: SqlTokens, rows: Map<string, SqlRow[]>): void {
  if (!isWord(tokens.next(), "INTO")) throw new SqlError("INSERT differs");
  const { table, columns } = readTarget(tokens);
  let token = tokens.next();
  while (!isSign(token, "(")) {
    if (token === null || isSign(token, ";")) throw new SqlError("INSERT has no values");
    token = tokens.next();
  }
  while (isSign(token, "(")) {
    addRow(rows.get(table), columns, readList(tokens));
    token = tokens.next();
    if (isSign(token, ",")) token = tokens.next();
  }
  if (token === null) throw new SqlError("INSERT has no end");
  skipStatement(tokens, token);
}
