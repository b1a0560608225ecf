import { formatClientNetwork } from "../../src/core/parsing/client-network.ts";
import { addToKnownDevicesCookie } from "../../src/core/tokens/known-devices.ts";
import { computePasswordAttemptCounters } from "../../src/domain/sign-in/throttle.ts";
import { getConfig } from "../../src/runtime.ts";
import { query, type ThrottleRecord } from "./rows.ts";
import { environment } from "./worker.ts";

/** The client address of most tests. */
export const home = "203.0.113.7";

/** What a counter belongs to. A device is the value of its cookie. */
export interface CounterOf {
  readonly username?: string;
  readonly address?: string;
  readonly device?: string;
}

type Scope = "network_account" | "network" | "account" | "account_device";

/** Computes the key of a counter as the Worker does, a keyed hash. */
export async function counterKey(
  scope: Scope,
  { username = "ada", address = home, device = "" }: CounterOf = {},
  bindings = environment(),
): Promise<string> {
  const claimant = { realm: "local", username, network: formatClientNetwork(address), devices: device };
  const { keyring } = getConfig(bindings);
  const { all } = await computePasswordAttemptCounters(keyring, claimant, new Date());
  const scopes: Scope[] = all.length === 1 ? ["account_device"] : ["network_account", "network", "account"];
  const counter = all[scopes.indexOf(scope)];
  if (counter === undefined) throw new Error(`There is no counter ${scope}`);
  return counter.key;
}

/** Sets the failures of a counter, which saves as many password hashes. */
export async function setCounter(key: string, failures: number): Promise<void> {
  await query(
    "INSERT OR REPLACE INTO throttles (key, failures, window_ends_at, blocked_until) VALUES (?, ?, ?, NULL)",
    key,
    failures,
    Date.now() + 900_000,
  );
}

/** Reads the row of a counter. */
export async function readCounter(key: string): Promise<ThrottleRecord | undefined> {
  const [row] = await query<ThrottleRecord>("SELECT * FROM throttles WHERE key = ?", key);
  return row;
}

/** Creates the cookie of a device that has signed in to this account before. */
export const deviceOf = (username: string, { realm = "local", bindings = environment() } = {}) =>
  addToKnownDevicesCookie(getConfig(bindings).keyring, "", { realm, username }, new Date());
