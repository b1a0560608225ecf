import { type ImportEntry, unreadable } from "./entry.ts";
import type { ImportFormat } from "./format.ts";
import { isMigrationUri, type MigrationPayload, parseMigrationUri, toEntries } from "./google-migration.ts";
import type { ImportFile } from "./import-file.ts";
import { isOtpauthUri, readOtpauthEntry } from "./otpauth-entry.ts";

/** A text with one URI in each line: `otpauth://`, or `otpauth-migration://` of Google Authenticator. Also Ente Auth and FreeOTP+. */
export const uriList: ImportFormat = {
  name: "uri",
  title: "a list of otpauth:// URIs",
  read: readUriLines,
};

async function* readUriLines(file: ImportFile): AsyncGenerator<ImportEntry, void, undefined> {
  const batches = new Batches();
  for await (const { number, text } of file.lines())
    yield* readUriLine(`line ${number}`, text === null ? null : text.trim(), batches);
  yield* batches.listMissing();
}

/** Reads a decrypted text like a file. */
export function* readUriText(text: string): Generator<ImportEntry, void, undefined> {
  const batches = new Batches();
  for (const [index, line] of text.split("\n").entries())
    yield* readUriLine(`line ${index + 1}`, line.trim(), batches);
  yield* batches.listMissing();
}

function* readUriLine(place: string, line: string | null, batches: Batches): Generator<ImportEntry> {
  if (line === "") return;
  if (line === null) yield unreadable(place, "The line is longer than 64 KiB.");
  else if (isOtpauthUri(line)) yield readOtpauthEntry(place, line);
  else if (!isMigrationUri(line)) yield unreadable(place, "The line is no otpauth:// URI.");
  else {
    const payload = parseMigrationUri(line);
    if (payload === null) return yield unreadable(place, "The contents of the QR code are damaged.");
    batches.add(payload);
    yield* toEntries(place, payload);
  }
}

/** The QR codes of each export of Google Authenticator that were read. */
class Batches {
  readonly #read = new Map<number, { size: number; indexes: Set<number> }>();

  add({ batchId, batchSize, batchIndex }: MigrationPayload): void {
    const batch = this.#read.get(batchId) ?? { size: batchSize, indexes: new Set() };
    batch.indexes.add(batchIndex);
    this.#read.set(batchId, batch);
  }

  /** Yields an entry for each QR code that is missing. */
  *listMissing(): Generator<ImportEntry> {
    // The program shows at most ten accounts in each code, and no phone has so many.
    for (const { size, indexes } of this.#read.values())
      for (let index = 0; index < Math.min(size, 1000); index += 1)
        if (!indexes.has(index))
          yield unreadable("the end", `QR code ${index + 1} of ${size} is not in the file. Scan and add it.`);
  }
}
