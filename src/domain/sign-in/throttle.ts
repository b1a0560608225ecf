import { base64urlnopad } from "@scure/base";
import type { Keyring } from "../../core/crypto/keyring.ts";
import { findKnownDeviceNumber } from "../../core/tokens/known-devices.ts";
import type { BlockingCounter, ThrottleCounter } from "../../store/sessions/throttles.ts";
import type { Deps } from "../deps.ts";

const windowSeconds = 15 * 60;
/** A block begins within its counter's window, so it ends this long after the window at the latest. */
export const blockSeconds = 15 * 60;

/** The window of imports and exports, which concern many accounts at once. */
const transferWindowSeconds = 3600;

/** How many attempts a counter allows in one window before it blocks (docs/contract.md#throttling-the-first-factor). */
const limits = {
  /** Failures from one network for one account. */
  network_account: 10,
  /** Failures from one network, for all accounts. */
  network: 30,
  /** Failures for one account, from all networks. */
  account: 100,
  /** Failures of one known device for its account. */
  account_device: 10,
  /** Enrolments that one account begins. */
  setup: 10,
  /** Requests to import that one caller sends: at 1,000 lines each, as the admin program sends them, two million users. */
  imports: 2000,
  /** Exports that one caller begins. Each can be of a whole realm. */
  exports: 60,
} as const;

/** The limit that the `RateLimit-Policy` header of a sign-in names: one network and one account. */
export const signInQuotaPerNetworkAndAccount = { most: limits.network_account, windowSeconds } as const;

/** How many enrolments one account may begin. */
export const enrolmentQuota = { most: limits.setup, windowSeconds } as const;

/** The operations that are counted for each caller of the service API. */
export type TransferKind = "imports" | "exports";

/** How many imports and exports one caller of the service API may begin. */
export const transferQuotas: Readonly<Record<TransferKind, { most: number; windowSeconds: number }>> = {
  imports: { most: limits.imports, windowSeconds: transferWindowSeconds },
  exports: { most: limits.exports, windowSeconds: transferWindowSeconds },
};

/** The account, network and devices of one password attempt. Names are canonical: else each spelling had its own counter. */
export interface PasswordAttempt {
  readonly realm: string;
  readonly username: string;
  /** The client's network, as `core/parsing/client-network.ts` computes it from the address. */
  readonly network: string;
  /** The value of the known-devices cookie, not yet verified; "" without one. */
  readonly devices: string;
}

/** The counters of one password attempt. */
export interface PasswordAttemptCounters {
  readonly all: readonly ThrottleCounter[];
  /** The counter that a right password resets: failures of this network or device for this account. */
  readonly resetBySuccess: ThrottleCounter;
  /** The key for the rate limit binding. */
  readonly rateLimitKey: string;
}

/**
 * Computes the counters of a password attempt. Their keys are HMACs: neither D1 nor KV contains names or addresses.
 *
 * A device that has signed in to this account before has a counter of its own, and no other counter applies to it. So an
 * attacker that fails on purpose, from any network, cannot lock the owner's device out
 * (`docs/decisions/0013-known-devices.md`).
 */
export async function computePasswordAttemptCounters(
  keyring: Keyring,
  { realm, username, network, devices }: PasswordAttempt,
  now: Date,
): Promise<PasswordAttemptCounters> {
  const device = await findKnownDeviceNumber(keyring, devices, { realm, username }, now);
  if (device !== null) {
    const own = await counter(keyring, "account_device", [realm, username, String(device)]);
    return { all: [own], resetBySuccess: own, rateLimitKey: own.key };
  }
  const [networkAccount, networkOnly, account] = await Promise.all([
    counter(keyring, "network_account", [network, realm, username]),
    counter(keyring, "network", [network]),
    counter(keyring, "account", [realm, username]),
  ]);
  return {
    all: [networkAccount, networkOnly, account],
    resetBySuccess: networkAccount,
    rateLimitKey: network,
  };
}

/** Computes the counter of the enrolments that an account begins, over all its sessions and paths. */
export const enrolmentCounter = (keyring: Keyring, userId: string): Promise<ThrottleCounter> =>
  counter(keyring, "setup", [userId]);

/**
 * Computes the counter of the imports or exports of one caller, over all realms.
 *
 * @param actor the caller, as audit events name it: each API key has its own counter, and `ADMIN_KEY` has one
 */
export const transferCounter = (
  keyring: Keyring,
  transfer: TransferKind,
  actor: string,
): Promise<ThrottleCounter> => counter(keyring, transfer, [actor], transferWindowSeconds);

async function counter(
  keyring: Keyring,
  scope: keyof typeof limits,
  parts: readonly string[],
  seconds: number = windowSeconds,
): Promise<ThrottleCounter> {
  const name = new TextEncoder().encode(JSON.stringify([scope, ...parts]));
  const mac = await crypto.subtle.sign("HMAC", await keyring.throttleKey(), name);
  return {
    key: base64urlnopad.encode(new Uint8Array(mac)),
    limit: limits[scope],
    windowSeconds: seconds,
    blockSeconds,
  };
}

/** The period of the rate limit binding. */
const rateLimitPeriodSeconds = 60;

/**
 * Asks the rate limit binding and KV whether a password attempt is blocked, before it costs a D1 trip and a password hash.
 *
 * @returns the end of the block, or null when the attempt may go on
 */
export async function checkRateLimitAndFindBlockEnd(
  deps: Deps,
  counters: PasswordAttemptCounters,
  now: Date,
): Promise<Date | null> {
  if (!(await isWithinRateLimit(deps, counters.rateLimitKey)))
    return new Date(now.getTime() + rateLimitPeriodSeconds * 1000);
  const until = await deps.blocks.findEnd(counters.all.map(({ key }) => key));
  return until !== null && until > now ? until : null;
}

/** True when the rate limit binding allows the attempt, and when it fails: then the counters in D1 decide. */
async function isWithinRateLimit(deps: Deps, key: string): Promise<boolean> {
  if (deps.isWithinRateLimit === null) return true;
  try {
    return await deps.isWithinRateLimit(key);
  } catch (error) {
    deps.log("warn", "rate_limit.unavailable", { error: String(error) });
    return true;
  }
}

/** Writes blocks to KV after the response, so that every location refuses the next attempts early. */
export function publishBlocks(deps: Deps, overflows: readonly BlockingCounter[], now: Date): void {
  for (const { key, blockedUntil } of overflows) deps.defer(deps.blocks.put(key, blockedUntil, now));
}

/** The end of the block that lasts longest, or null. */
export function lastBlockEnd(overflows: readonly BlockingCounter[]): Date | null {
  if (overflows.length === 0) return null;
  return new Date(Math.max(...overflows.map(({ blockedUntil }) => blockedUntil.getTime())));
}
