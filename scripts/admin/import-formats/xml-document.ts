import type { Element } from "@xmldom/xmldom";
import { usageError } from "../failure.ts";
import type { ImportFile } from "./import-file.ts";

/**
 * Parses the whole file as XML without a document type: a document type can define entities that stand for a huge text, or for
 * another file.
 *
 * @throws AdminError that says where the text is wrong, and never repeats a part of it: the text has secrets
 */
export async function readXml(file: ImportFile): Promise<Element> {
  const text = await file.documentText();
  if (/<!DOCTYPE/i.test(text))
    throw usageError("The file has a document type (<!DOCTYPE …>), which import does not read.");
  if (isDeep(text)) throw usageError("The file has too many elements inside each other.");
  const { DOMParser } = await import("@xmldom/xmldom");
  let line: number | undefined;
  const parser = new DOMParser({
    onError: (level, _message, context) => {
      if (level === "warning") return;
      line ??= (context as { locator?: { lineNumber?: number } }).locator?.lineNumber;
      throw new Error(level);
    },
  });
  try {
    // The declaration of another encoding does not count any more.
    const root = parser.parseFromString(text, "text/xml").documentElement;
    if (root !== null) return root;
  } catch {
    // The message repeats a part of the file.
  }
  throw usageError(`The file is no well-formed XML${line === undefined ? "" : `: line ${line}`}.`);
}

/** A PSKC file has ten. The parser calls itself for each. */
const maxDepth = 100;

const tag = /<(\/?)[A-Za-z_](?:[^<>"']|"[^"]*"|'[^']*')*?(\/?)>/g;

function isDeep(text: string): boolean {
  let depth = 0;
  for (const [, close, isEmpty] of text.matchAll(tag)) {
    if (close === "/") depth -= 1;
    else if (isEmpty !== "/") depth += 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/**
 * Returns the child elements of this local name, in any case: privacyIDEA writes all names in lower case.
 *
 * @param names the first name is that of the child; further names are those of its descendants
 */
export function findChildren(element: Element, ...[name = "", ...rest]: readonly string[]): Element[] {
  const found: Element[] = [];
  for (const child of Array.from(element.childNodes)) {
    if (child.nodeType !== 1) continue;
    const one = child as Element;
    if ((one.localName ?? "").toLowerCase() === name.toLowerCase()) found.push(one);
  }
  return rest.length === 0 ? found : found.flatMap((one) => findChildren(one, ...rest));
}

/** The first of {@link findChildren}. */
export const findChild = (element: Element, ...names: readonly string[]): Element | undefined =>
  findChildren(element, ...names)[0];

/** The text of a descendant, without white space around it. Undefined: there is none, or it is empty. */
export const findText = (element: Element, ...names: readonly string[]): string | undefined =>
  findChild(element, ...names)?.textContent?.trim() || undefined;

/** The value of an attribute whose name may be in another case. */
export const findAttribute = (element: Element | undefined, name: string): string | undefined =>
  Array.from(element?.attributes ?? []).find(
    (attribute) => (attribute.localName ?? attribute.name).toLowerCase() === name.toLowerCase(),
  )?.value;
