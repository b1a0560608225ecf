import type { ImportEntry } from "./entry.ts";
import type { ImportFile } from "./import-file.ts";

/** What a format needs besides the file. */
export interface FormatContext {
  /**
   * Returns the password or key of an encrypted file, from the environment or from a prompt. It is asked for once.
   *
   * @param what such as `Password`
   */
  readonly readPassword: (what: string) => Promise<string>;
  /** Shows a remark about the file as a whole, such as the columns that are not used. Each text is shown once. */
  readonly note: (text: string) => void;
}

/** A file format that `import` reads. */
export interface ImportFormat {
  /** The value of `--format`. */
  readonly name: string;
  /** For messages: `an Aegis vault`. */
  readonly title: string;
  /** Yields the entries in the order of the file. Throws an AdminError when the file as a whole can't be read. */
  readonly read: (file: ImportFile, context: FormatContext) => AsyncIterable<ImportEntry>;
}

/** A format that is one JSON document. */
export interface JsonFormat extends ImportFormat {
  /** True when a parsed document has this format. */
  readonly matches: (document: unknown) => boolean;
}

/** A format that is a table with named columns. */
export interface TableFormat extends ImportFormat {
  /** True when a table has these columns. @param columns in lower case */
  readonly matches: (columns: ReadonlySet<string>) => boolean;
}

/** True for an object of JSON that is no array. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** True when an object has all of these members. */
export const hasMembers = (value: unknown, ...names: readonly string[]): boolean =>
  isRecord(value) && names.every((name) => Object.hasOwn(value, name));
