import { base64urlnopad } from "@scure/base";
import type { Keyring } from "../../core/crypto/keyring.ts";
import { findKnownDevice } from "../../core/tokens/known-devices.ts";
import type { Counter, Overflow } from "../../store/sessions/throttles.ts";
import type { Deps } from "../deps.ts";

const windowSeconds = 15 * 60;
/** A block begins within its counter's window, so it ends this long after the window at the latest. */
export const blockSeconds = 15 * 60;

/** What moves many accounts at once is counted by the hour. */
const transferWindowSeconds = 3600;

/** What counts in one window before it blocks (docs/contract.md#throttling-the-first-factor). */
const limits = {
  /** Failures of one network at one account. */
  network_account: 10,
  /** Failures of one network at any accounts. */
  network: 30,
  /** Failures of any networks at one account. */
  account: 100,
  /** Failures of one known device at its account. */
  account_device: 10,
  /** Enrolments that one account begins. */
  setup: 10,
  /** Requests to import that one caller sends: at 1,000 lines each, as the admin program sends them, two million users. */
  imports: 2000,
  /** Exports that one caller begins. Each can be of a whole realm. */
  exports: 60,
} as const;

/** What one place may try at one account: what a client is told of the limits of the first factor. */
export const firstFactorQuota = { most: limits.network_account, windowSeconds } as const;

/** What one account may begin to set up. */
export const setupQuota = { most: limits.setup, windowSeconds } as const;

/** What moves many accounts at once. */
export type Transfer = "imports" | "exports";

/** What one caller of the service API may move. */
export const transferQuota: Readonly<Record<Transfer, { most: number; windowSeconds: number }>> = {
  imports: { most: limits.imports, windowSeconds: transferWindowSeconds },
  exports: { most: limits.exports, windowSeconds: transferWindowSeconds },
};

/** Who tries to pass a first factor. Both names are canonical, so that no spelling gets a counter of its own. */
export interface FirstFactorClaimant {
  readonly realm: string;
  readonly username: string;
  /** From `core/parsing/client-network.ts`. */
  readonly network: string;
  /** From `core/tokens/known-devices.ts`, as the caller brings it: anything, or "". */
  readonly devices: string;
}

/** The counters that a try stands under. */
export interface FirstFactorCounters {
  readonly all: readonly Counter[];
  /** What a right password takes back: this person's slips from here, and nobody else's. */
  readonly forgiven: Counter;
  /** Whose share of the rate limit in front a try takes. */
  readonly admittedAs: string;
}

/**
 * Names the counters of a try. Keys are keyed hashes: neither D1 nor KV learns names or addresses.
 *
 * A device that signed in to this account before stands under its own counter and under no other, so that no
 * stranger can lock the owner out of it: not from any networks, and not from the owner's own
 * (`docs/decisions/0013-known-devices.md`).
 */
export async function firstFactorCounters(
  keyring: Keyring,
  { realm, username, network, devices }: FirstFactorClaimant,
  now: Date,
): Promise<FirstFactorCounters> {
  const device = await findKnownDevice(keyring, devices, { realm, username }, now);
  if (device !== null) {
    const own = await counter(keyring, "account_device", [realm, username, String(device)]);
    return { all: [own], forgiven: own, admittedAs: own.key };
  }
  const [networkAccount, networkOnly, account] = await Promise.all([
    counter(keyring, "network_account", [network, realm, username]),
    counter(keyring, "network", [network]),
    counter(keyring, "account", [realm, username]),
  ]);
  return { all: [networkAccount, networkOnly, account], forgiven: networkAccount, admittedAs: network };
}

/** Names the counter of the enrolments that an account begins, over all its sessions and paths. */
export const setupCounter = (keyring: Keyring, userId: string): Promise<Counter> =>
  counter(keyring, "setup", [userId]);

/**
 * Names the counter of the imports or exports of one caller, over all realms.
 *
 * @param actor the caller, as audit events name it: each API key has its own counter, and `ADMIN_KEY` has one
 */
export const transferCounter = (keyring: Keyring, transfer: Transfer, actor: string): Promise<Counter> =>
  counter(keyring, transfer, [actor], transferWindowSeconds);

async function counter(
  keyring: Keyring,
  scope: keyof typeof limits,
  parts: readonly string[],
  seconds: number = windowSeconds,
): Promise<Counter> {
  const name = new TextEncoder().encode(JSON.stringify([scope, ...parts]));
  const mac = await crypto.subtle.sign("HMAC", await keyring.throttleKey(), name);
  return {
    key: base64urlnopad.encode(new Uint8Array(mac)),
    limit: limits[scope],
    windowSeconds: seconds,
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
  counters: FirstFactorCounters,
  now: Date,
): Promise<Date | null> {
  if (!(await isAdmitted(deps, counters.admittedAs)))
    return new Date(now.getTime() + admissionPeriodSeconds * 1000);
  const until = await deps.blocks.findEnd(counters.all.map(({ key }) => key));
  return until !== null && until > now ? until : null;
}

/** A rate limit that fails refuses nobody: it only stands in front of the counters, which decide. */
async function isAdmitted(deps: Deps, key: string): Promise<boolean> {
  if (deps.admit === null) return true;
  try {
    return await deps.admit(key);
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
