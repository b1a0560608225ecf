import { Readable } from "node:stream";
import { usageError } from "../failure.ts";
import { type ImportEntry, unreadable } from "./entry.ts";
import type { ImportFile } from "./import-file.ts";

/** A row with the line in which it ends. */
export interface TableRow {
  readonly line: number;
  readonly cells: readonly string[];
}

const maxRecordCharacters = 64 * 1024;

/** Guesses the delimiter from the first line: spreadsheets in many languages write semicolons. */
export function findDelimiter(firstLine: string): string {
  const count = (delimiter: string) => firstLine.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, each) => (count(each) > count(best) ? each : best));
}

/** The first line of a text, without its line end. */
export const firstLineOf = (text: string): string => text.slice(0, text.search(/[\r\n]|$/));

/**
 * Yields the rows of a CSV file (RFC 4180), one at a time. Empty rows are left out.
 *
 * @throws AdminError that names the line in which the text is wrong, without a part of it
 */
export async function* readRows(file: ImportFile): AsyncGenerator<TableRow, void, undefined> {
  const { CsvError, parse } = await import("csv-parse");
  const parser = parse({
    delimiter: findDelimiter(firstLineOf(file.headText)),
    info: true,
    relax_column_count: true,
    // Programs that put no cell into quotes write a quote as it is.
    relax_quotes: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: maxRecordCharacters,
  });
  const source = Readable.from(file.text());
  const forward = (error: Error) => parser.destroy(error);
  source.on("error", forward);
  try {
    for await (const { record, info } of source.pipe(parser) as Readable)
      yield { line: info.lines, cells: record };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw usageError(
      `The CSV file is wrong at about line ${parser.info.lines}: ${csvProblems[String(error.code)] ?? "its quotes do not match"}.`,
    );
  } finally {
    source.off("error", forward);
    source.destroy();
  }
}

const csvProblems: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "the file ends inside quotes",
  CSV_MAX_RECORD_SIZE: "a row is longer than 64 KiB, or its quotes do not match",
};

/** The cells of a row by the name of their column. */
export type CellReader = (...names: readonly string[]) => string | undefined;

/** Makes a name of a column comparable: `User Name`, `user-name` and `user_name` are the same. */
export const normalizeColumn = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s.-]+/g, "_");

/**
 * Converts the rows of a table with a heading.
 *
 * @param convert receives the first cell that is not empty of the named columns
 */
export async function* readTable(
  file: ImportFile,
  convert: (place: string, cell: CellReader) => ImportEntry,
  checkColumns: (columns: readonly string[]) => void = () => {},
): AsyncGenerator<ImportEntry, void, undefined> {
  let columns: Map<string, number> | null = null;
  for await (const { line, cells } of readRows(file)) {
    if (columns === null) {
      const names = cells.map(normalizeColumn);
      columns = new Map(names.map((name, index) => [name, index]));
      if (columns.size < names.length) throw usageError("Two columns of the CSV file have the same name.");
      checkColumns(names);
      continue;
    }
    const place = `line ${line}`;
    const indexes = columns;
    if (cells.length !== indexes.size)
      yield unreadable(place, `The row has ${cells.length} cells instead of ${indexes.size}.`);
    else
      yield convert(place, (...names) => {
        const found = names
          .map((name) => cells[indexes.get(name) ?? -1])
          .find((cell) => cell !== undefined && cell !== "");
        // PostgreSQL writes it for a null, when it writes text.
        return found === "\\N" ? undefined : found;
      });
  }
  if (columns === null) throw usageError("The CSV file is empty.");
}
