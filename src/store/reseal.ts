import { and, asc, eq, gt, or, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { type Database, reachStore } from "./database.ts";
import { type SealedColumn, sealedColumns, users } from "./schema.ts";

/** The envelopes of one account; null where there is none. */
export type SealedRow = { readonly id: string } & { readonly [column in SealedColumn]: string | null };

/** An envelope to be put in the place of another one. */
export interface Replacement {
  readonly userId: string;
  readonly column: SealedColumn;
  readonly from: string;
  readonly to: string;
}

/** Finds accounts that have an envelope which does not begin with `prefix`, in the order of their ids. One trip. */
export async function findSealedOtherwise(
  { primary }: Database,
  prefix: string,
  { afterId, limit }: { afterId: string; limit: number },
): Promise<SealedRow[]> {
  const { id, totpSecret, totpPendingSecret, backupCodes } = users;
  // Not LIKE: a key id may have an underscore, which LIKE takes for any character. NULL compares as unknown.
  const otherwise = sealedColumns.map(
    (column): SQL => sql`substr(${users[column]}, 1, ${prefix.length}) <> ${prefix}`,
  );
  return reachStore(() =>
    primary
      .select({ id, totpSecret, totpPendingSecret, backupCodes })
      .from(users)
      .where(and(gt(id, afterId), or(...otherwise)))
      .orderBy(asc(id))
      .limit(limit),
  );
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
