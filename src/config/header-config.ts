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
 * Headers that `DROP_HEADERS` can't name. Sallyport applies the policy to some of them: an origin that gets no `Depth` acts on
 * more than the path that was judged (INC-39). Others frame the request, or tell a site that a request comes from another site.
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

/** The folded form of an entry, without the `-*` of a family. */
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
  if (!namePattern.test(entry)) return "must be header names such as X-Foo, separated by commas";
  if (hasHeaderName(reservedHeaders, foldEntry(entry)))
    return `must not have ${entry}, which only Sallyport or the proxy in front of the site may set`;
  return null;
}

/** `KEEP_HEADERS`: headers of the gate's list that the site gets from clients. Folded names. */
export const keepHeaders = () =>
  z.pipe(
    entries(findKeepProblem),
    z.transform((listed): ReadonlySet<string> => new Set(listed.map(foldEntry))),
  );

/** True when each name of `KEEP_HEADERS` would be removed without it, and `DROP_HEADERS` does not have the same name. */
export function isEachKeptNameCleared(dropped: HeaderNameSet, kept: ReadonlySet<string>): boolean {
  return [...kept].every(
    (name) =>
      !dropped.names.has(name) && (hasHeaderName(clearedHeaders, name) || hasHeaderName(dropped, name)),
  );
}
