import * as z from "zod/mini";
import { usageError } from "../failure.ts";
import type { ImportFile } from "./import-file.ts";

/**
 * Parses the whole file as JSON.
 *
 * @throws AdminError that says where the text is wrong, and never repeats a part of it: the text has secrets
 */
export async function readJson(file: ImportFile): Promise<unknown> {
  return file.once("json", async () => parseJson(await file.documentText()));
}

/** Like {@link readJson}, for a text. */
export function parseJson(text: string): unknown {
  const problem = findProblem(text);
  if (problem === null) return JSON.parse(text);
  if (problem === "incomplete") throw usageError("The file is incomplete: its JSON ends in the middle.");
  throw usageError(`The file is no valid JSON${findPlace(text)}.`);
}

/** Tells why a text is no JSON. The message of the error repeats the text around the place, and has no number for most errors. */
function findProblem(text: string): "incomplete" | "wrong" | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const isCut = error instanceof Error && /end of JSON input|Unterminated/.test(error.message);
    return isCut ? "incomplete" : "wrong";
  }
}

/** Longer texts take too long. */
const maxPlacedCharacters = 4 * 1024 * 1024;

/** Searches for the longest beginning that is only incomplete. It ends where the text is wrong. */
function findPlace(text: string): string {
  if (text.length > maxPlacedCharacters) return "";
  let [right, wrong] = [0, text.length];
  while (wrong - right > 1) {
    const middle = Math.floor((right + wrong) / 2);
    if (findProblem(text.slice(0, middle)) === "wrong") wrong = middle;
    else right = middle;
  }
  const lines = text.slice(0, wrong).split("\n");
  return `: line ${lines.length}, about column ${lines.at(-1)?.length ?? 0}`;
}

/**
 * Checks a part of a document.
 *
 * @returns the value, or a text that names the member that is wrong, without its value
 */
export function checkShape<T extends z.ZodMiniType>(
  schema: T,
  value: unknown,
): { readonly value: z.output<T> } | { readonly wrong: string } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const path = parsed.error.issues[0]?.path ?? [];
  const name = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return { wrong: name === "" ? "The entry" : name.replace(/^\./, "") };
}

/** Like {@link checkShape}, for the outer part of a document, without which no entry can be read. */
export function requireShape<T extends z.ZodMiniType>(schema: T, value: unknown, title: string): z.output<T> {
  const checked = checkShape(schema, value);
  if ("value" in checked) return checked.value;
  throw usageError(`The file is not ${title}: ${checked.wrong} is missing or has another form.`);
}

const text = () => z.optional(z.nullable(z.string()));

/** Schemas for members that exporters leave out, set to null, or write as text instead of a number. */
export const loose = {
  text,
  count: () => z.optional(z.nullable(z.union([z.number(), z.string()]))),
  flag: () => z.optional(z.nullable(z.boolean())),
};
