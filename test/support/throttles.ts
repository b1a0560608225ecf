import { clientNetwork } from "../../src/core/parsing/client-network.ts";
import { addKnownDevice } from "../../src/core/tokens/known-devices.ts";
import { firstFactorCounters } from "../../src/domain/sign-in/throttle.ts";
import { getConfig } from "../../src/runtime.ts";
import { query, type ThrottleRecord } from "./rows.ts";
import { environment } from "./worker.ts";

/** An address of the network that most tests come from. */
export const home = "203.0.113.7";

/** Whose counter it is. A device is what its cookie says. */
export interface CounterOf {
  readonly username?: string;
  readonly address?: string;
  readonly device?: string;
}

type Scope = "network_account" | "network" | "account" | "account_device";

/** Names one counter as the Worker does: keys are keyed hashes, which a test can't guess. */
export async function counterKey(
  scope: Scope,
  { username = "ada", address = home, device = "" }: CounterOf = {},
  bindings = environment(),
): Promise<string> {
  const claimant = { realm: "local", username, network: clientNetwork(address), devices: device };
  const { keyring } = getConfig(bindings);
  const { all } = await firstFactorCounters(keyring, claimant, new Date());
  const scopes: Scope[] = all.length === 1 ? ["account_device"] : ["network_account", "network", "account"];
  const counter = all[scopes.indexOf(scope)];
  if (counter === undefined) throw new Error(`There is no counter ${scope}`);
  return counter.key;
}

/** Lets a counter stand at this many failures, which would take as many password hashes. */
export async function setCounter(key: string, failures: number): Promise<void> {
  await query(
    "INSERT OR REPLACE INTO throttles (key, failures, window_ends_at, blocked_until) VALUES (?, ?, ?, NULL)",
    key,
    failures,
    Date.now() + 900_000,
  );
}

/** The row of a counter. */
export async function readCounter(key: string): Promise<ThrottleRecord | undefined> {
  const [row] = await query<ThrottleRecord>("SELECT * FROM throttles WHERE key = ?", key);
  return row;
}

/** The cookie of a device that signed in to this account before, as the Worker would have made it. */
export const deviceOf = (username: string, { realm = "local", bindings = environment() } = {}) =>
  addKnownDevice(getConfig(bindings).keyring, "", { realm, username }, new Date());
