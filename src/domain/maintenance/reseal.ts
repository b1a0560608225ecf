import { formatEnvelopePrefix } from "../../core/crypto/envelope.ts";
import type { Keyring } from "../../core/crypto/keyring.ts";
import {
  type EnvelopeReplacement,
  type EnvelopesSealedWithKeyQuery,
  findEnvelopesSealedWithKey,
  replaceEnvelopes,
} from "../../store/platform/resealed-rows.ts";
import { sealedColumns } from "../../store/platform/schema.ts";
import type { Deps } from "../deps.ts";
import { resealUserFieldIfReadable } from "../second-factor/sealed-fields.ts";

/** One trip reads at most this many envelopes of each sealed column. */
const chunkRows = 100;

/** A run ends after this many chunks. The next hourly run continues. */
const maxChunks = 50;

/** The counts of one run. */
export interface ResealResult {
  /** Envelopes that the run has sealed with the current key. */
  readonly resealed: number;
  /** Envelopes that name an older key of `KEYRING`, but that this key does not open. */
  readonly unreadable: number;
  /** False when the run ended with envelopes left for the next run. */
  readonly complete: boolean;
}

/**
 * Opens the envelopes of the older keys of `KEYRING` and seals them with the current key (CR-04), so that an older key can be
 * removed. Reads nothing when `KEYRING` has one key. Skips envelopes of keys that are not in `KEYRING`: they can't be opened.
 */
export async function resealWithCurrentKey(deps: Deps): Promise<ResealResult> {
  const { keyring } = deps.config;
  let resealed = 0;
  let unreadable = 0;
  let places = placesOfOlderKeys(keyring);
  const limit = Math.ceil((chunkRows * sealedColumns.length) / places.length);
  for (let chunk = 0; chunk < maxChunks && places.length > 0; chunk++) {
    const found = await findEnvelopesSealedWithKey(deps.db, places, limit);
    const replacements = await Promise.all(
      places.flatMap(({ column }, index) =>
        (found[index] ?? []).map(async ({ userId, envelope: from }): Promise<EnvelopeReplacement | null> => {
          const to = await resealUserFieldIfReadable(keyring, { userId, column }, from);
          return to === null ? null : { userId, column, from, to };
        }),
      ),
    );
    const readable = replacements.filter((replacement) => replacement !== null);
    resealed += await replaceEnvelopes(deps.db, readable);
    unreadable += replacements.length - readable.length;
    // Continue after the last row that was read, also when its envelope does not open: else the next trip would read it again.
    places = places.flatMap((place, index) => {
      const last = found[index]?.[limit - 1];
      return last === undefined ? [] : [{ ...place, after: last.position }];
    });
  }
  return { resealed, unreadable, complete: places.length === 0 };
}

const placesOfOlderKeys = ({ kids }: Keyring): readonly EnvelopesSealedWithKeyQuery[] =>
  kids
    .slice(1)
    .flatMap((kid) =>
      sealedColumns.map((column) => ({ column, prefix: formatEnvelopePrefix(kid), after: 0 })),
    );
