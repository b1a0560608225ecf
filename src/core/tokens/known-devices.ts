import { base64urlnopad } from "@scure/base";
import { equalInConstantTime } from "../crypto/constant-time.ts";
import type { Keyring } from "../crypto/keyring.ts";

/** Whose device it is. Both names are canonical. */
export interface DeviceOwner {
  readonly realm: string;
  readonly username: string;
}

/** How long a device stays known after a sign-in: browsers keep no cookie for longer (RFC 6265bis). */
export const deviceTtlSeconds = 400 * 24 * 3600;

/** Accounts that one browser is known to. The one that signed in longest ago is forgotten first. */
const mostAccounts = 5;

/**
 * Device numbers that an account has. A number, and not an id, so that whoever has gathered many devices of one
 * account has no more than this many counters to guess under.
 */
const deviceNumbers = 16;

const separator = "~";

/** Key id, end in seconds since the epoch, device number, MAC. */
const form = /^([A-Za-z0-9_-]{1,32})\.(\d{1,11})\.(\d{1,2})\.[A-Za-z0-9_-]{43}$/;

/**
 * Says which device of this account the caller is (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
 *
 * @param devices what the caller brings; it may be anything
 * @returns the device's number, or null: unknown, forged, of another account, over, or under a key that is gone
 */
export async function findKnownDevice(
  keyring: Keyring,
  devices: string,
  owner: DeviceOwner,
  now: Date,
): Promise<number | null> {
  for (const entry of livingEntries(keyring, devices, now))
    if (await belongsTo(keyring, entry, owner)) return entry.number;
  return null;
}

/**
 * Makes the caller a known device of this account, under a number newly drawn, and keeps what he brings of others.
 * No name is in it: only who knows a name can ask whether it is known here.
 *
 * @returns what the caller is to bring the next time, of characters that a cookie takes as they are
 */
export async function addKnownDevice(
  keyring: Keyring,
  devices: string,
  owner: DeviceOwner,
  now: Date,
): Promise<string> {
  const [random = 0] = crypto.getRandomValues(new Uint8Array(1));
  const until = Math.floor(now.getTime() / 1000) + deviceTtlSeconds;
  const added = { kid: keyring.currentKid, until, number: random % deviceNumbers };
  const entries = [await writeEntry(keyring, added, owner)];
  for (const entry of livingEntries(keyring, devices, now))
    if (!(await belongsTo(keyring, entry, owner))) entries.push(entry.text);
  return entries.slice(0, mostAccounts).join(separator);
}

interface Entry {
  readonly kid: string;
  /** Seconds since the epoch. */
  readonly until: number;
  readonly number: number;
}

/** What has the form of an entry, is not over, and names a key that is there. Whether it is true, its MAC says. */
function livingEntries(keyring: Keyring, devices: string, now: Date): (Entry & { readonly text: string })[] {
  return devices.split(separator, mostAccounts).flatMap((text) => {
    const [, kid = "", until = "", number = ""] = form.exec(text) ?? [];
    const entry = { text, kid, until: Number(until), number: Number(number) };
    return entry.until * 1000 > now.getTime() && keyring.kids.includes(kid) ? [entry] : [];
  });
}

async function belongsTo(
  keyring: Keyring,
  entry: Entry & { readonly text: string },
  owner: DeviceOwner,
): Promise<boolean> {
  return equalInConstantTime(await writeEntry(keyring, entry, owner), entry.text);
}

async function writeEntry(
  keyring: Keyring,
  { kid, until, number }: Entry,
  { realm, username }: DeviceOwner,
): Promise<string> {
  const key = await keyring.deviceKey(kid);
  if (key === null) throw new Error(`Key "${kid}" is not in KEYRING`);
  const said = new TextEncoder().encode(JSON.stringify([until, number, realm, username]));
  const mac = base64urlnopad.encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, said)));
  return `${kid}.${until}.${number}.${mac}`;
}
