import { InvalidArgumentError } from "commander";
import type { Api, Call } from "./api.ts";
import { AdminError, exitCodes } from "./failure.ts";

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

/** The cursors of one listing. A server that gives one again would be asked for ever (INC-37). */
export class CursorTrail {
  readonly #seen = new Set<string>();

  /** @param first the cursor that the listing begins with, if any */
  constructor(first?: string) {
    if (first !== undefined) this.#seen.add(first);
  }

  /**
   * Goes on behind a page.
   *
   * @param next where the server says that the list goes on. Null: it does not say
   * @param entries how many entries the page had
   * @throws AdminError when the list does not go on: the cursor was there before, or the page was empty
   */
  follow(next: string | null, entries: number): string {
    if (next === null || entries === 0 || this.#seen.has(next)) {
      throw new AdminError(
        exitCodes.unreachable,
        "The server's list does not end: it has come back to a place where it was before.",
        "What was read until then is not whole. Is it Sallyport that answers there?",
      );
    }
    this.#seen.add(next);
    return next;
  }
}

/** Reads as much of a list as is wanted, in as many pages as that takes. */
export async function readList<T>(
  api: Api,
  { path, query }: Pick<Call, "path" | "query">,
  { limit, cursor: first }: Range,
  parse: (answer: unknown) => Page<T>,
): Promise<Page<T>> {
  const entries: T[] = [];
  const trail = new CursorTrail(first);
  let cursor: string | null | undefined = first;
  do {
    const left = limit === null ? longestPage : limit - entries.length;
    const asked = { ...query, cursor: cursor ?? undefined, limit: Math.min(left, longestPage) };
    const page: Page<T> = parse(await api.call({ path, query: asked }));
    entries.push(...page.entries);
    cursor = page.nextCursor === null ? null : trail.follow(page.nextCursor, page.entries.length);
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
