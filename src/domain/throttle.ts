import { base64urlnopad } from "@scure/base";
import type { Keyring } from "../core/keyring.ts";
import type { Counter, Overflow } from "../store/throttles.ts";
import type { Deps } from "./deps.ts";

const windowSeconds = 15 * 60;
const blockSeconds = 15 * 60;

/** Failures in one window that block (SPEC "Throttling the first factor"). */
const limits = {
  /** One network at one account. */
  network_account: 10,
  /** One network at any accounts. */
  network: 30,
  /** Any networks at one account. */
  account: 100,
} as const;

/** Who tries to pass a first factor. Both names are canonical, so that no spelling gets a counter of its own. */
export interface FirstFactorClaimant {
  readonly realm: string;
  readonly username: string;
  /** From `core/client-network.ts`. */
  readonly network: string;
}

/**
 * The counters that a try stands under. A device that signed in before gets one of its own in the place of
 * `account`, once devices are remembered: a list is all that the rest needs to know.
 */
export interface FirstFactorCounters {
  readonly all: readonly Counter[];
  /** What a right password takes back: this person's slips from here, and nobody else's. */
  readonly forgiven: Counter;
}

/** Names the counters of a try. Keys are keyed hashes: neither D1 nor KV learns names or addresses. */
export async function firstFactorCounters(
  keyring: Keyring,
  { realm, username, network }: FirstFactorClaimant,
): Promise<FirstFactorCounters> {
  const [networkAccount, networkOnly, account] = await Promise.all([
    counter(keyring, "network_account", [network, realm, username]),
    counter(keyring, "network", [network]),
    counter(keyring, "account", [realm, username]),
  ]);
  return { all: [networkAccount, networkOnly, account], forgiven: networkAccount };
}

async function counter(
  keyring: Keyring,
  scope: keyof typeof limits,
  parts: readonly string[],
): Promise<Counter> {
  const name = new TextEncoder().encode(JSON.stringify([scope, ...parts]));
  const mac = await crypto.subtle.sign("HMAC", await keyring.throttleKey(), name);
  return {
    key: base64urlnopad.encode(new Uint8Array(mac)),
    limit: limits[scope],
    windowSeconds,
    blockSeconds,
  };
}

/** A rate-limit binding counts by the minute. */
const admissionPeriodSeconds = 60;

/**
 * Looks whether a try is refused before it costs a D1 call or a password hash.
 *
 * @returns until when, or null when it may go on
 */
export async function findStandingBlock(
  deps: Deps,
  { network }: FirstFactorClaimant,
  counters: FirstFactorCounters,
  now: Date,
): Promise<Date | null> {
  if (!(await isAdmitted(deps, network))) return new Date(now.getTime() + admissionPeriodSeconds * 1000);
  const until = await deps.blocks.findEnd(counters.all.map(({ key }) => key));
  return until !== null && until > now ? until : null;
}

/** A rate limit that fails refuses nobody: it only stands in front of the counters, which decide. */
async function isAdmitted(deps: Deps, network: string): Promise<boolean> {
  if (deps.admit === null) return true;
  try {
    return await deps.admit(network);
  } catch (error) {
    deps.log("warn", "rate_limit.unavailable", { error: String(error) });
    return true;
  }
}

/** Tells KV, and so every location, who is blocked. */
export function publishBlocks(deps: Deps, overflows: readonly Overflow[], now: Date): void {
  for (const { key, blockedUntil } of overflows) deps.defer(deps.blocks.put(key, blockedUntil, now));
}

/** The end of the block that lasts longest, or null. */
export function lastEnd(overflows: readonly Overflow[]): Date | null {
  if (overflows.length === 0) return null;
  return new Date(Math.max(...overflows.map(({ blockedUntil }) => blockedUntil.getTime())));
}
