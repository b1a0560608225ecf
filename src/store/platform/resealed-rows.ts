import { and, asc, eq, gt, isNotNull, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { type Database, reachStore } from "./database.ts";
import { envelopeStart, type SealedColumn, sealedColumnName, users } from "./schema.ts";

/** Where to look for envelopes of one key: in one column, after a position. */
export interface SealedPlace {
  readonly column: SealedColumn;
  /** How every envelope of the key begins. */
  readonly prefix: string;
  /** 0 is before all of them. */
  readonly after: number;
}

/** One envelope of an account, and its position among those of its key and column. */
export interface SealedEnvelope {
  readonly userId: string;
  readonly envelope: string;
  readonly position: number;
}

/** An envelope to be put in the place of another one. */
export interface Replacement {
  readonly userId: string;
  readonly column: SealedColumn;
  readonly from: string;
  readonly to: string;
}

/**
 * Finds the next envelopes in each of these places, by the indexes over how envelopes begin: what another key has
 * sealed is not read. One trip.
 *
 * @returns for each place, in the same order, at most `limit` envelopes
 */
export async function findSealed(
  { primary }: Database,
  places: readonly SealedPlace[],
  limit: number,
): Promise<SealedEnvelope[][]> {
  const position = sql<number>`${users}.rowid`;
  const [first, ...others] = places.map(({ column, prefix, after }): BatchItem<"sqlite"> => {
    const sealed = users[column];
    return (
      primary
        .select({ userId: users.id, envelope: sealed, position: position.as("position") })
        .from(users)
        // That it is not null follows from the rest, but SQLite has to be told, or it leaves the index alone.
        .where(
          and(isNotNull(sealed), eq(envelopeStart(sealedColumnName(column)), prefix), gt(position, after)),
        )
        .orderBy(asc(position))
        .limit(limit)
    );
  });
  if (first === undefined) return [];
  const results = await reachStore(() => primary.batch([first, ...others]));
  return results as unknown as SealedEnvelope[][];
}

/**
 * Puts new envelopes in the place of old ones, in one batch. What has been written since it was read is left as
 * it is.
 *
 * @returns how many were replaced
 */
export async function replaceEnvelopes(
  { primary }: Database,
  replacements: readonly Replacement[],
): Promise<number> {
  const [first, ...others] = replacements.map(
    ({ userId, column, from, to }): BatchItem<"sqlite"> =>
      primary
        .update(users)
        .set({ [column]: to })
        .where(and(eq(users.id, userId), eq(users[column], from)))
        .returning({ id: users.id }),
  );
  if (first === undefined) return 0;
  const results = (await reachStore(() =>
    primary.batch([first, ...others]),
  )) as unknown as readonly unknown[][];
  return results.reduce((total, rows) => total + rows.length, 0);
}
