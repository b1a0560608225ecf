import { env } from "cloudflare:workers";
import { base32nopad, base64urlnopad } from "@scure/base";
import { vi } from "vitest";
import {
  generateSessionSecret,
  sessionIdOf,
  signPendingToken,
} from "../../../src/core/tokens/session-token.ts";
import type { Deps } from "../../../src/domain/deps.ts";
import { generateSealedBackupCodes } from "../../../src/domain/second-factor/sealed-backup-codes.ts";
import { sealUserField } from "../../../src/domain/second-factor/sealed-fields.ts";
import { cheapHash } from "../../../test/support/fault-world.ts";
import { workersKeyring } from "../../../test/support/gate.ts";
import { query } from "../../../test/support/rows.ts";
import type { Random } from "./random.ts";

/** An account with a second factor, and all that its attacker or its owner may know. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly secret: string;
}

export const yearSeconds = 365 * 24 * 3600;
export const daySeconds = 24 * 3600;

/** When every simulation begins. */
export const begin = Date.UTC(2030, 0, 1);

/** Puts the stopped clock to so many seconds after the beginning. */
export const setClock = (seconds: number) => vi.setSystemTime(begin + seconds * 1000);

/** Lets the Worker log to nobody. */
export function silence(): void {
  for (const level of ["debug", "info", "log", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation(() => {});
}

/**
 * Puts an account into D1. Its secret is of the seed; its password has a hash that the Worker takes and that costs it
 * next to nothing: what a guess costs changes nothing about how many are evaluated.
 */
export async function createPerson(random: Random, username: string): Promise<Person> {
  const person = {
    id: base64urlnopad.encode(random.bytes(16)),
    username,
    password: `the password of ${username}`,
    secret: base32nopad.encode(random.bytes(20)),
  };
  const { id, password, secret } = person;
  const keyring = workersKeyring();
  await query(
    `INSERT INTO users (id, realm, username, password_hash, totp_enabled, totp_secret, totp_setup_at, backup_codes,
      created_at, updated_at) VALUES (?, 'local', ?, ?, 1, ?, ?, ?, ?, ?)`,
    id,
    username,
    await cheapHash(password),
    await sealUserField(keyring, { userId: id, column: "totpSecret" }, secret),
    begin,
    (await generateSealedBackupCodes({ config: { keyring } } as Deps, id)).envelope,
    begin,
    begin,
  );
  return person;
}

/** Puts so many accounts into D1, one after the other, so that the same seed gives everybody the same secret. */
export function createPeople(random: Random, length: number): Promise<Person[]> {
  const usernames = Array.from({ length }, (_, index) => `ada${index}`);
  return inParallel(usernames, 1, (username) => createPerson(random, username));
}

/** Takes back the expensive hash that a right password has been given. */
export async function makeHashCheap({ id, password }: Person): Promise<void> {
  await query("UPDATE users SET password_hash = ? WHERE id = ?", await cheapHash(password), id);
}

/**
 * Opens a pending session for each of them, as signing in with the right password does, however often: a right
 * password counts nowhere. Only the password hash is saved.
 *
 * @returns their tokens
 */
export async function openPendingOf(people: readonly Person[]): Promise<string[]> {
  const now = new Date();
  const expiresAt = new Date(now.getTime() + 300_000);
  const drawn = people.map((person) => ({ person, secret: generateSessionSecret() }));
  const insert = env.DB.prepare(
    `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
      VALUES (?, 'pending', ?, 0, '["pwd"]', ?, ?, ?, ?)`,
  );
  const at = now.getTime();
  const rows = drawn.map(async ({ person, secret }) =>
    insert.bind(await sessionIdOf(secret), person.id, at, at, at, expiresAt.getTime()),
  );
  await env.DB.batch(await Promise.all(rows));
  const keyring = workersKeyring();
  return Promise.all(
    drawn.map(({ person: { username }, secret: sessionSecret }) =>
      signPendingToken(keyring, { sessionSecret, username, expiresAt }, now),
    ),
  );
}

/** Opens so many for one of them. */
export const openPending = (person: Person, count: number): Promise<string[]> =>
  openPendingOf(new Array<Person>(count).fill(person));

/** The address of one of many networks. */
export const addressOf = (network: number): string =>
  `10.${(network >> 16) & 255}.${(network >> 8) & 255}.${network & 255}`;

/** How many events of a type there are, of one account or of all. */
export async function countEvents(type: string, userId?: string): Promise<number> {
  const ofUser = userId === undefined ? "" : "AND user_id = ?";
  const values = userId === undefined ? [type] : [type, userId];
  const [row] = await query<{ n: number }>(
    `SELECT COUNT(*) AS n FROM audit_events WHERE type = ? ${ofUser}`,
    ...values,
  );
  return row?.n ?? 0;
}

/** How many codes were evaluated: each leaves exactly one of these. */
export async function countEvaluated({ id }: Person): Promise<number> {
  const types = ["refused", "accepted", "replayed"].map((type) => countEvents(`second_factor.${type}`, id));
  return (await Promise.all(types)).reduce((sum, n) => sum + n, 0);
}

/** Does something with each of them, so many at a time. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += width)
    results.push(...(await Promise.all(items.slice(from, from + width).map(act))));
  return results;
}
