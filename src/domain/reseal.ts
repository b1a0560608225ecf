import { envelopePrefix } from "../core/envelope.ts";
import { findSealedOtherwise, type Replacement, replaceEnvelopes, type SealedRow } from "../store/reseal.ts";
import { sealedColumns } from "../store/schema.ts";
import type { Deps } from "./deps.ts";
import { resealUserField } from "./sealed-fields.ts";

/** One trip takes at most this many accounts. */
const chunkRows = 100;

/** A run ends after this many chunks; what is left is for the next hour's. */
const mostChunks = 50;

/** What a run has found and done. */
export interface Resealed {
  /** Envelopes that are sealed with the current key now. */
  readonly resealed: number;
  /** Envelopes that no key of `KEYRING` opens. */
  readonly unreadable: number;
  /** No account was left for another run: older keys open nothing any more that can be opened. */
  readonly complete: boolean;
}

/**
 * Seals with the current key what older keys have sealed (STANDARDS CR-04). With one key in `KEYRING` there is
 * nothing to do, and nothing is read.
 */
export async function resealWithCurrentKey(deps: Deps): Promise<Resealed> {
  const { keyring } = deps.config;
  let resealed = 0;
  let unreadable = 0;
  let afterId = "";
  if (keyring.kids.length === 1) return { resealed, unreadable, complete: true };
  for (let chunk = 0; chunk < mostChunks; chunk++) {
    const rows = await findSealedOtherwise(deps.db, envelopePrefix(keyring.currentKid), {
      afterId,
      limit: chunkRows,
    });
    const replacements = await Promise.all(rows.flatMap((row) => resealRow(deps, row)));
    const readable = replacements.filter((replacement) => replacement !== null);
    resealed += await replaceEnvelopes(deps.db, readable);
    unreadable += replacements.length - readable.length;
    if (rows.length < chunkRows) return { resealed, unreadable, complete: true };
    afterId = rows.at(-1)?.id ?? afterId;
  }
  return { resealed, unreadable, complete: false };
}

/** One promise for each envelope of the row that has another key; null for one that does not open. */
function resealRow({ config: { keyring } }: Deps, row: SealedRow): Promise<Replacement | null>[] {
  const current = envelopePrefix(keyring.currentKid);
  return sealedColumns.flatMap((column) => {
    const from = row[column];
    if (from === null || from.startsWith(current)) return [];
    return [
      resealUserField(keyring, { userId: row.id, column }, from).then((to) =>
        to === null ? null : { userId: row.id, column, from, to },
      ),
    ];
  });
}
