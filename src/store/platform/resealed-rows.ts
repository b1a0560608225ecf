import { and, asc, eq, gt, isNotNull, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { type Database, runD1Query } from "./database.ts";
import {
  envelopeKeyPrefixExpression,
  permanentD1NameOfSealedColumn,
  type SealedColumn,
  users,
} from "./schema.ts";

/** Selects envelopes of one key: those in one column after a position. */
export interface EnvelopesSealedWithKeyQuery {
  readonly column: SealedColumn;
  /** The start of every envelope of the key. */
  readonly prefix: string;
  /** A row id. 0 is before all rows. */
  readonly after: number;
}

/** One envelope of an account, and the position (row id) of the account. */
export interface SealedEnvelope {
  readonly userId: string;
  readonly envelope: string;
  readonly position: number;
}

/** An envelope and the one that replaces it. */
export interface EnvelopeReplacement {
  readonly userId: string;
  readonly column: SealedColumn;
  readonly from: string;
  readonly to: string;
}

/**
 * Finds the next envelopes in each of these places. The indexes on the start of envelopes are used, so that rows of other keys
 * are not read. One trip to the primary.
 *
 * @returns for each place, in the same order, at most `limit` envelopes
 */
export async function findEnvelopesSealedWithKey(
  { primary }: Database,
  places: readonly EnvelopesSealedWithKeyQuery[],
  limit: number,
): Promise<SealedEnvelope[][]> {
  const position = sql<number>`${users}.rowid`;
  const [first, ...others] = places.map(({ column, prefix, after }): BatchItem<"sqlite"> => {
    const sealed = users[column];
    return (
      primary
        .select({ userId: users.id, envelope: sealed, position: position.as("position") })
        .from(users)
        // The second condition implies the first, but SQLite uses the partial index only with both.
        .where(
          and(
            isNotNull(sealed),
            eq(envelopeKeyPrefixExpression(permanentD1NameOfSealedColumn(column)), prefix),
            gt(position, after),
          ),
        )
        .orderBy(asc(position))
        .limit(limit)
    );
  });
  if (first === undefined) return [];
  const results = await runD1Query(() => primary.batch([first, ...others]));
  return results as unknown as SealedEnvelope[][];
}

/**
 * Replaces envelopes, in one batch. An envelope that changed since it was read stays as it is.
 *
 * @returns the number of envelopes that were replaced
 */
export async function replaceEnvelopes(
  { primary }: Database,
  replacements: readonly EnvelopeReplacement[],
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
  const results = (await runD1Query(() =>
    primary.batch([first, ...others]),
  )) as unknown as readonly unknown[][];
  return results.reduce((total, rows) => total + rows.length, 0);
}
