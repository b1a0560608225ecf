import { InvalidArgumentError } from "commander";
import type { Api, Call } from "./api.ts";

/** As many as the service API gives at once. */
const longestPage = 200;

/** How much of a list is wanted. */
export interface Range {
  /** Null: all of it. */
  readonly limit: number | null;
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly entries: readonly T[];
  /** Null: the list has ended. */
  readonly nextCursor: string | null;
}

/** Reads as much of a list as is wanted, in as many pages as that takes. */
export async function readList<T>(
  api: Api,
  { path, query }: Pick<Call, "path" | "query">,
  { limit, cursor: first }: Range,
  parse: (answer: unknown) => Page<T>,
): Promise<Page<T>> {
  const entries: T[] = [];
  let cursor: string | null | undefined = first;
  do {
    const left = limit === null ? longestPage : limit - entries.length;
    const asked = { ...query, cursor: cursor ?? undefined, limit: Math.min(left, longestPage) };
    const page: Page<T> = parse(await api.call({ path, query: asked }));
    entries.push(...page.entries);
    cursor = page.nextCursor;
  } while (cursor !== null && (limit === null || entries.length < limit));
  return { entries, nextCursor: cursor };
}

/** A whole number on the command line. */
export const wholeNumber =
  (least: number, most = 1_000_000_000) =>
  (text: string): number => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
  };
