import { type Command, Option } from "commander";
import type { OpenSession, Session } from "./command.ts";
import { usageError } from "./failure.ts";
import { openInput } from "./files.ts";
import { example } from "./help.ts";
import { importConverted } from "./import-converted.ts";
import { detectFormat, findNamedFormat, formatNames, ownFormat } from "./import-formats/format-list.ts";
import { openImportFile } from "./import-formats/import-file.ts";
import { type UsernameSource, usernameSources } from "./import-judge.ts";
import { importOwnLines } from "./import-own-lines.ts";
import { wholeNumber } from "./paging.ts";
import { openUsers, readIdentity } from "./sealed-export.ts";
import { wrapWords } from "./text.ts";

interface ImportOptions {
  readonly fromLine: number;
  readonly identity?: string;
  readonly chunkLines: number;
  readonly format?: string;
  readonly dryRun?: boolean;
  readonly username?: UsernameSource;
  readonly issuer?: string;
  readonly allowWeak?: boolean;
}

/** The limit of the service API for one request. */
const maxLines = 5000;

/** Adds `import`. */
export function addImportCommand(program: Command, open: OpenSession): void {
  program
    .command("import")
    .argument(
      "<file>",
      "a file of Sallyport or of another program (docs/import-export.md); - for standard input",
    )
    .description("Import users with their authenticators; importing a file again changes nothing")
    .option("-f, --format <format>", "format of the file, when its content does not show it")
    .option("--dry-run", "say what would come in and what would not, and write nothing")
    .addOption(
      new Option("--username <source>", "which name of an entry becomes the user name").choices(
        usernameSources,
      ),
    )
    .option("--issuer <name>", "import only the authenticators of this issuer")
    .option("--allow-weak", "also import secrets of 80 to 127 bits")
    .option(
      "--from-line <n>",
      "start at this line or entry, as printed by an interrupted import",
      wholeNumber(1),
      1,
    )
    .option("-i, --identity <file>", "private key (JWK or PEM), if <file> was written by export")
    .option("--chunk-lines <n>", "number of lines per request", wholeNumber(1, maxLines), 1000)
    .addHelpText(
      "after",
      `\nFormats:\n${wrapWords(formatNames)}\n${example(
        "sallyport-admin import users.ndjson --realm shop",
        "sallyport-admin import aegis.json --issuer Shop --dry-run",
        "sallyport-admin import users.jwe --identity move.private.json",
      )}`,
    )
    .action(async (file: string, options: ImportOptions, command: Command) =>
      importUsers(open(command), file, options),
    );
}

async function importUsers(session: Session, path: string, options: ImportOptions): Promise<void> {
  const { identity, fromLine, chunkLines: maxLines, dryRun = false } = options;
  if (identity !== undefined) return importExport(session, path, { ...options, identity });
  const file = await openImportFile(path, session.signal);
  const format = options.format === undefined ? await detectFormat(file) : findNamedFormat(options.format);
  if (format !== ownFormat) {
    const { username, issuer, allowWeak = false } = options;
    const job = { path, file, format, dryRun, fromEntry: fromLine, maxLines };
    return importConverted(session, { ...job, options: { username, issuer, allowWeak } });
  }
  refuseConversion(options);
  const api = await session.connect();
  const lines = { lines: file.utf8(), bytes: file.bytes, bytesRead: null };
  await importOwnLines(session, api, lines, { fromLine, maxLines, dryRun });
}

/** Imports a file of `export`. Its lines are decrypted while they are read. */
async function importExport(
  session: Session,
  path: string,
  {
    identity,
    fromLine,
    chunkLines: maxLines,
    dryRun = false,
    ...options
  }: ImportOptions & { readonly identity: string },
): Promise<void> {
  if (options.format !== undefined && options.format !== ownFormat)
    throw usageError("--identity is for a file that export has written. It has no other format.");
  refuseConversion(options);
  const opened = await readIdentity(identity);
  const api = await session.connect();
  const { chunks, bytes } = await openInput(path, session.signal);
  const read = { bytes: 0 };
  const lines = openUsers(countBytes(chunks, read), opened);
  await importOwnLines(
    session,
    api,
    { lines, bytes, bytesRead: () => read.bytes },
    { fromLine, maxLines, dryRun },
  );
}

/** The lines of Sallyport's own format are sent as they are. */
function refuseConversion({
  username,
  issuer,
  allowWeak,
}: Omit<ImportOptions, "fromLine" | "chunkLines">): void {
  const given = [
    username === undefined ? [] : ["--username"],
    issuer === undefined ? [] : ["--issuer"],
    allowWeak === undefined ? [] : ["--allow-weak"],
  ].flat();
  if (given.length === 0) return;
  throw usageError(
    `${given.join(" and ")} can't be used with lines in Sallyport's own format.`,
    "They are sent as they are, and each line names its user and can have allow_weak.",
  );
}

async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  read: { bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    read.bytes += chunk.length;
    yield chunk;
  }
}
