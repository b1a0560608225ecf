import { env } from "cloudflare:workers";
import { base32nopad, base64urlnopad } from "@scure/base";
import { vi } from "vitest";
import {
  computeSessionId,
  generateSessionSecret,
  signPendingSessionToken,
} from "../../../src/core/tokens/session-token.ts";
import type { Deps } from "../../../src/domain/deps.ts";
import { generateSealedBackupCodes } from "../../../src/domain/second-factor/sealed-backup-codes.ts";
import { sealUserField } from "../../../src/domain/second-factor/sealed-fields.ts";
import { cheapHash } from "../../../test/support/fault-world.ts";
import { workersKeyring } from "../../../test/support/gate.ts";
import { query } from "../../../test/support/rows.ts";
import type { Random } from "./random.ts";

/** An account with a second factor, and its credentials in plaintext. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly secret: string;
}

export const yearSeconds = 365 * 24 * 3600;
export const daySeconds = 24 * 3600;

/** The start time of every simulation. */
export const begin = Date.UTC(2030, 0, 1);

/** Sets the fake clock to a number of seconds after {@link begin}. */
export const setClock = (seconds: number) => vi.setSystemTime(begin + seconds * 1000);

/** Suppresses the Worker's log. */
export function silence(): void {
  for (const level of ["debug", "info", "log", "warn", "error"] as const)
    vi.spyOn(console, level).mockImplementation(() => {});
}

/**
 * Inserts an account into D1. The seed determines its TOTP secret. Its password hash is valid but cheap to verify: the
 * cost of a guess does not change how many guesses are evaluated.
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

/** Inserts accounts one after the other, so that the same seed generates the same secrets. */
export function createPeople(random: Random, length: number): Promise<Person[]> {
  const usernames = Array.from({ length }, (_, index) => `ada${index}`);
  return inParallel(usernames, 1, (username) => createPerson(random, username));
}

/** Replaces the expensive hash that the Worker stored after a correct password. */
export async function makeHashCheap({ id, password }: Person): Promise<void> {
  await query("UPDATE users SET password_hash = ? WHERE id = ?", await cheapHash(password), id);
}

/**
 * Creates a pending session for each account, like a sign-in with the correct password, which no limit counts.
 * This avoids the cost of the password hash.
 *
 * @returns the session tokens
 */
export async function openPendingOf(people: readonly Person[]): Promise<string[]> {
  const now = new Date();
  const expiresAt = new Date(now.getTime() + 300_000);
  const generated = people.map((person) => ({ person, secret: generateSessionSecret() }));
  const insert = env.DB.prepare(
    `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
      VALUES (?, 'pending', ?, 0, '["pwd"]', ?, ?, ?, ?)`,
  );
  const at = now.getTime();
  const rows = generated.map(async ({ person, secret }) =>
    insert.bind(await computeSessionId(secret), person.id, at, at, at, expiresAt.getTime()),
  );
  await env.DB.batch(await Promise.all(rows));
  const keyring = workersKeyring();
  return Promise.all(
    generated.map(({ person: { username }, secret: sessionSecret }) =>
      signPendingSessionToken(keyring, { sessionSecret, username, expiresAt }, now),
    ),
  );
}

/** Creates several pending sessions for one account. */
export const openPending = (person: Person, count: number): Promise<string[]> =>
  openPendingOf(new Array<Person>(count).fill(person));

/** The address of one of many networks. */
export const addressOf = (network: number): string =>
  `10.${(network >> 16) & 255}.${(network >> 8) & 255}.${network & 255}`;

/** Counts the events of a type, of one account or of all accounts. */
export async function countEvents(type: string, userId?: string): Promise<number> {
  const ofUser = userId === undefined ? "" : "AND user_id = ?";
  const values = userId === undefined ? [type] : [type, userId];
  const [row] = await query<{ n: number }>(
    `SELECT COUNT(*) AS n FROM audit_events WHERE type = ? ${ofUser}`,
    ...values,
  );
  return row?.n ?? 0;
}

/** Counts the evaluated codes: each creates exactly one of these events. */
export async function countEvaluated({ id }: Person): Promise<number> {
  const types = ["refused", "accepted", "replayed"].map((type) => countEvents(`second_factor.${type}`, id));
  return (await Promise.all(types)).reduce((sum, n) => sum + n, 0);
}

/** Runs a function for each item, with at most `width` calls at a time. */
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
