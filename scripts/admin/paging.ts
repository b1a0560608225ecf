import { InvalidArgumentError } from "commander";
import type { Api, Call } from "./api.ts";
import { AdminError, exitCodes } from "./failure.ts";

/** The limit of the service API for one page. */
const maxPageSize = 200;

/** The part of a list to read. */
export interface Range {
  /** Null for the whole list. */
  readonly limit: number | null;
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly entries: readonly T[];
  /** Null at the end of the list. */
  readonly nextCursor: string | null;
}

/** The cursors of one list. Without this check, a server that repeats a cursor would cause an endless loop (INC-37). */
export class CursorTrail {
  readonly #seen = new Set<string>();

  /** @param first the cursor with which the list starts, if any */
  constructor(first?: string) {
    if (first !== undefined) this.#seen.add(first);
  }

  /**
   * Returns the cursor of the next page.
   *
   * @param next the server's `next_cursor`
   * @param entries the number of entries of the page
   * @throws AdminError when the cursor is missing or repeated, or the page was empty
   */
  follow(next: string | null, entries: number): string {
    if (next === null || entries === 0 || this.#seen.has(next)) {
      throw new AdminError(
        exitCodes.unreachable,
        "The server's list does not end: a cursor was repeated.",
        "The list is incomplete. Check that the address is a Sallyport deployment.",
      );
    }
    this.#seen.add(next);
    return next;
  }
}

/** Reads a range of a list, page by page. */
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
    const left = limit === null ? maxPageSize : limit - entries.length;
    const asked = { ...query, cursor: cursor ?? undefined, limit: Math.min(left, maxPageSize) };
    const page: Page<T> = parse(await api.call({ path, query: asked }));
    entries.push(...page.entries);
    cursor = page.nextCursor === null ? null : trail.follow(page.nextCursor, page.entries.length);
  } while (cursor !== null && (limit === null || entries.length < limit));
  return { entries, nextCursor: cursor };
}

const unlimited = 1_000_000_000;

/** Creates the parser of an option that is a whole number. */
export const wholeNumber =
  (min: number, max = unlimited) =>
  (text: string): number => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(
      `It must be a whole number, at least ${min}${max === unlimited ? "" : ` and at most ${max}`}.`,
    );
  };
