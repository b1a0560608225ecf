import { openField, sealField } from "../../core/crypto/envelope.ts";
import { pingDatabase } from "../../store/platform/database-health.ts";
import type { Deps } from "../deps.ts";

/** True for each part that works. Every request depends on all of them. */
export interface Health {
  readonly d1: boolean;
  readonly kv: boolean;
  readonly keyring: boolean;
}

/** Checks all parts in parallel. Never throws. */
export async function checkHealth(deps: Deps): Promise<Health> {
  const [d1, kv, keyring] = await Promise.all([
    succeeds(() => pingDatabase(deps.db)),
    succeeds(() => deps.blocks.ping()),
    succeeds(() => sealAndOpen(deps)),
  ]);
  return { d1, kv, keyring };
}

async function sealAndOpen({ config: { keyring } }: Deps): Promise<void> {
  const place = { table: "health", column: "probe", rowId: "0" };
  const opened = await openField(keyring, place, await sealField(keyring, place, "probe"));
  if (!opened.ok) throw new Error(opened.reason);
}

async function succeeds(probe: () => Promise<void>): Promise<boolean> {
  try {
    await probe();
    return true;
  } catch {
    return false;
  }
}
