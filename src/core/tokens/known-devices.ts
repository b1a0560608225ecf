import { base64urlnopad } from "@scure/base";
import { isEqualInConstantTime } from "../crypto/constant-time.ts";
import type { Keyring } from "../crypto/keyring.ts";

/** The account that a device is known to. Both names are canonical. */
export interface KnownDeviceAccount {
  readonly realm: string;
  readonly username: string;
}

/** A device is known for this long after a sign-in. Browsers keep no cookie for longer (RFC 6265bis). */
export const knownDeviceTtlSeconds = 400 * 24 * 3600;

/** Maximum number of accounts that one browser is known to. The one that signed in longest ago is dropped first. */
const maxAccounts = 5;

/**
 * The number of different device numbers of an account. Each has its own counter of password failures. With few numbers in
 * place of unique ids, an attacker with many stolen device cookies of one account has no more than this many counters.
 */
const deviceNumbers = 16;

const separator = "~";

/** Key id, end in seconds since the epoch, device number, MAC. */
const entryPattern = /^([A-Za-z0-9_-]{1,32})\.(\d{1,11})\.(\d{1,2})\.[A-Za-z0-9_-]{43}$/;

/**
 * Finds the entry of this account in a device cookie (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
 *
 * @param devices the value of the client's cookie, not trusted
 * @returns the device's number. Null when there is no entry, or when it is forged, expired, of another account, or made with
 * a key that is no longer in `KEYRING`
 */
export async function findKnownDeviceNumber(
  keyring: Keyring,
  devices: string,
  owner: KnownDeviceAccount,
  now: Date,
): Promise<number | null> {
  for (const entry of readCurrentEntries(keyring, devices, now))
    if (await belongsTo(keyring, entry, owner)) return entry.number;
  return null;
}

/**
 * Returns a device cookie with a new entry for this account, under a random number. Valid entries of other accounts are
 * kept. Entries contain no user name, so the cookie does not reveal the accounts.
 *
 * @returns the new value of the cookie, of characters that need no escape
 */
export async function addToKnownDevicesCookie(
  keyring: Keyring,
  devices: string,
  owner: KnownDeviceAccount,
  now: Date,
): Promise<string> {
  const [random = 0] = crypto.getRandomValues(new Uint8Array(1));
  const until = Math.floor(now.getTime() / 1000) + knownDeviceTtlSeconds;
  const added = { kid: keyring.currentKid, until, number: random % deviceNumbers };
  const entries = [await writeEntry(keyring, added, owner)];
  for (const entry of readCurrentEntries(keyring, devices, now))
    if (!(await belongsTo(keyring, entry, owner))) entries.push(entry.text);
  return entries.slice(0, maxAccounts).join(separator);
}

interface Entry {
  readonly kid: string;
  /** Seconds since the epoch. */
  readonly until: number;
  readonly number: number;
}

/** Returns the entries that are well-formed, have not expired, and name a key of `KEYRING`. Their MACs are not checked here. */
function readCurrentEntries(
  keyring: Keyring,
  devices: string,
  now: Date,
): (Entry & { readonly text: string })[] {
  return devices.split(separator, maxAccounts).flatMap((text) => {
    const [, kid = "", until = "", number = ""] = entryPattern.exec(text) ?? [];
    const entry = { text, kid, until: Number(until), number: Number(number) };
    return entry.until * 1000 > now.getTime() && keyring.kids.includes(kid) ? [entry] : [];
  });
}

async function belongsTo(
  keyring: Keyring,
  entry: Entry & { readonly text: string },
  owner: KnownDeviceAccount,
): Promise<boolean> {
  return isEqualInConstantTime(await writeEntry(keyring, entry, owner), entry.text);
}

async function writeEntry(
  keyring: Keyring,
  { kid, until, number }: Entry,
  { realm, username }: KnownDeviceAccount,
): Promise<string> {
  const key = await keyring.deviceKey(kid);
  if (key === null) throw new Error(`Key "${kid}" is not in KEYRING`);
  const message = new TextEncoder().encode(JSON.stringify([until, number, realm, username]));
  const mac = base64urlnopad.encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, message)));
  return `${kid}.${until}.${number}.${mac}`;
}
