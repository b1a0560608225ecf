import * as z from "zod/mini";
import { foldNameToUnderscores } from "../core/parsing/folded-name.ts";
import { zodExpectedTypeErrorOption } from "../core/parsing/zod-type-error.ts";
import {
  clearedHeaders,
  type HeaderNameSet,
  hasHeaderName,
  reservedHeaders,
} from "../core/policy/cleared-header-names.ts";

/**
 * Folded names of headers that `DROP_HEADERS` can't remove (INC-39). The policy depends on some of them: without `Depth: 0` an origin
 * acts on more paths than the policy was applied to. Others delimit the body, or let the site detect a cross-site request.
 */
const undroppableNames: readonly string[] = [
  "authorization",
  "connection",
  "content_encoding",
  "content_length",
  "content_type",
  "cookie",
  "depth",
  "destination",
  "host",
  "if",
  "origin",
  "overwrite",
  "referer",
  "sec_fetch_site",
  "transfer_encoding",
  "upgrade",
];

const namePattern = /^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;

/** Returns the folded name of an entry. `X-Acme-*` and `X-Acme` both give `x_acme`. */
const foldEntry = (entry: string) => foldNameToUnderscores(entry.replace(/-\*$/, ""));

/** Creates the schema of a list of entries that are separated by commas. `findProblem` returns what is wrong with an entry, or null. */
const entries = (findProblem: (entry: string) => string | null) =>
  z.pipe(
    z._default(z.string(zodExpectedTypeErrorOption("string")), ""),
    z.transform((text, context) => {
      const listed = text.split(",").map((entry) => entry.trim());
      const found = listed.filter((entry) => entry !== "");
      const message = found.map(findProblem).find((problem) => problem !== null);
      if (message === undefined) return found;
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  );

const toHeaderNameSet = (listed: readonly string[]): HeaderNameSet => ({
  names: new Set(listed.filter((entry) => !entry.endsWith("*")).map(foldEntry)),
  families: new Set(listed.filter((entry) => entry.endsWith("*")).map(foldEntry)),
});

function findDropProblem(entry: string): string | null {
  if (!namePattern.test(entry.replace(/-\*$/, "")))
    return "must be header names such as X-Foo, or families such as X-Foo-*, separated by commas";
  const set = toHeaderNameSet([entry]);
  const judged = undroppableNames.find((name) => hasHeaderName(set, name));
  return judged === undefined ? null : `must not have ${entry}, because Sallyport or the site decides by it`;
}

/** `DROP_HEADERS`: headers that the gate removes from client requests, beside those of its own list. */
export const dropHeaders = () =>
  z.pipe(
    entries(findDropProblem),
    z.transform((listed: string[]) => toHeaderNameSet(listed)),
  );

function findKeepProblem(entry: string): string | null {
  if (entry.endsWith("*"))
    return `must be header names without *, separated by commas: name each header of ${entry}`;
  if (!namePattern.test(entry))
    return `must be header names such as X-Foo, separated by commas, and ${entry} is none`;
  if (hasHeaderName(reservedHeaders, foldEntry(entry)))
    return `must not have ${entry}, which only Sallyport or the proxy in front of the site may set`;
  return null;
}

/** `KEEP_HEADERS`: folded names of headers that the gate would remove, and that clients may send to the site. */
export const keepHeaders = () =>
  z.pipe(
    entries(findKeepProblem),
    z.transform((listed): ReadonlySet<string> => new Set(listed.map(foldEntry))),
  );

/** Returns a message about the first name of `KEEP_HEADERS` that `DROP_HEADERS` has too or that no list removes, or null. */
export function findKeptNameProblem(dropped: HeaderNameSet, kept: ReadonlySet<string>): string | null {
  for (const name of kept) {
    const written = name.replaceAll("_", "-");
    if (dropped.names.has(name)) return `must not have ${written}, which DROP_HEADERS has`;
    if (!hasHeaderName(clearedHeaders, name) && !hasHeaderName(dropped, name))
      return `must have only names that are removed without it, and ${written} is not`;
  }
  return null;
}
