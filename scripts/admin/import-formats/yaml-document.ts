import { usageError } from "../failure.ts";
import type { ImportFile } from "./import-file.ts";

/**
 * Parses the whole file as YAML 1.2, without aliases: a small file with aliases of aliases can stand for a huge one.
 *
 * @throws AdminError that says where the text is wrong, and never repeats a part of it: the text has secrets
 */
export async function readYaml(file: ImportFile): Promise<unknown> {
  return file.once("yaml", async () => {
    const { LineCounter, parseDocument } = await import("yaml");
    const lineCounter = new LineCounter();
    const text = await file.documentText();
    const document = orTooDeep(() =>
      parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "silent" }),
    );
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      throw usageError(`The file is no valid YAML: line ${line}, column ${col}.`);
    }
    try {
      return document.toJS({ maxAliasCount: 0 });
    } catch {
      throw usageError("The file has YAML aliases, which import does not read.");
    }
  });
}

/** The parser calls itself for each level, and has no limit. */
function orTooDeep<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw usageError("The file is no valid YAML: it is nested too deeply.");
  }
}
