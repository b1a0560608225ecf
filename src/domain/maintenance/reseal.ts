import { envelopePrefix } from "../../core/crypto/envelope.ts";
import type { Keyring } from "../../core/crypto/keyring.ts";
import {
  findSealed,
  type Replacement,
  replaceEnvelopes,
  type SealedPlace,
} from "../../store/platform/resealed-rows.ts";
import { sealedColumns } from "../../store/platform/schema.ts";
import type { Deps } from "../deps.ts";
import { resealUserField } from "../second-factor/sealed-fields.ts";

/** One trip takes at most this many envelopes of a column. */
const chunkRows = 100;

/** A run ends after this many chunks; what is left is for the next hour's. */
const mostChunks = 50;

/** What a run has found and done. */
export interface ResealResult {
  /** Envelopes that are sealed with the current key now. */
  readonly resealed: number;
  /** Envelopes that name an older key of `KEYRING`, and that it does not open. */
  readonly unreadable: number;
  /** The run has come to the end: no envelope was left for another one. */
  readonly complete: boolean;
}

/**
 * Seals with the current key what older keys have sealed (CR-04). With one key in `KEYRING` there is
 * nothing to do, and nothing is read. What the current key has sealed is not looked at, nor what names a key that is
 * not in `KEYRING`: nothing can be done about it, and it needs none of those that are there.
 */
export async function resealWithCurrentKey(deps: Deps): Promise<ResealResult> {
  const { keyring } = deps.config;
  let resealed = 0;
  let unreadable = 0;
  let places = placesOfOlderKeys(keyring);
  const limit = Math.ceil((chunkRows * sealedColumns.length) / places.length);
  for (let chunk = 0; chunk < mostChunks && places.length > 0; chunk++) {
    const found = await findSealed(deps.db, places, limit);
    const replacements = await Promise.all(
      places.flatMap(({ column }, index) =>
        (found[index] ?? []).map(async ({ userId, envelope: from }): Promise<Replacement | null> => {
          const to = await resealUserField(keyring, { userId, column }, from);
          return to === null ? null : { userId, column, from, to };
        }),
      ),
    );
    const readable = replacements.filter((replacement) => replacement !== null);
    resealed += await replaceEnvelopes(deps.db, readable);
    unreadable += replacements.length - readable.length;
    // Past what does not open, too: it stands in the way of nothing behind it.
    places = places.flatMap((place, index) => {
      const last = found[index]?.[limit - 1];
      return last === undefined ? [] : [{ ...place, after: last.position }];
    });
  }
  return { resealed, unreadable, complete: places.length === 0 };
}

const placesOfOlderKeys = ({ kids }: Keyring): readonly SealedPlace[] =>
  kids
    .slice(1)
    .flatMap((kid) => sealedColumns.map((column) => ({ column, prefix: envelopePrefix(kid), after: 0 })));
