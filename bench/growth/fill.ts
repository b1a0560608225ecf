import { DatabaseSync } from "node:sqlite";
import { getTableName, type InferSelectModel } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import {
  auditEvents,
  type SessionRow,
  sessions,
  type UserRow,
  users,
} from "../../src/store/platform/schema.ts";
import { cellsOf, columnNames } from "../fixtures/rows.ts";
import { randomEvent, randomSession, randomUser, type Samples } from "./random-rows.ts";

/** The number of unexpired sessions of an account, and also of its events. */
export const rowsPerUser = 3;

const dayMilliseconds = 24 * 3600 * 1000;
/** Accounts and events are at most a year old, so that no event is older than the retention. */
const yearMilliseconds = 365 * dayMilliseconds;
/** The maximum lifetime of a session. */
export const sessionMilliseconds = 30 * dayMilliseconds;

/** The contents of a database. */
export interface Population {
  readonly users: number;
  /** Accounts with known credentials, distributed evenly over the table. The other accounts are random. */
  readonly accounts: readonly UserRow[];
  /** Sessions with known tokens of such accounts, at most one per account. Each replaces a random session of the account. */
  readonly sessions: readonly SessionRow[];
  readonly samples: Samples;
  readonly now: Date;
}

/**
 * Fills a closed database as if it had grown over time: rows are inserted in the order of their times, and random ids are inserted
 * anywhere in the indexes, whose pages are filled accordingly.
 *
 * @param onProgress receives the completed share, from 0 to 1, ten times
 */
export function fillDatabase(path: string, population: Population, onProgress: (done: number) => void): void {
  const { users: count, samples, now } = population;
  const total = count * (1 + 2 * rowsPerUser);
  let written = 0;
  const step = () => {
    written += 1;
    if (written % Math.ceil(total / 10) === 0) onProgress(written / total);
  };
  write(path, (file) => {
    const insertUser = inserter(file, users);
    const insertSession = inserter(file, sessions);
    const insertEvent = inserter(file, auditEvents);
    const userAt = userPlaces(population);
    const ids = Array.from({ length: count }, (_none, index) => {
      const row = userAt(index);
      insertUser(row);
      step();
      return row.id;
    });
    const real = new Map(population.sessions.map((row) => [row.userId, row]));
    for (let round = 0; round < rowsPerUser; round += 1) {
      for (const [index, id] of shuffled(ids).entries()) {
        const age = 1 - (round * count + index) / (rowsPerUser * count);
        const openedAt = ago(now, age * (sessionMilliseconds - dayMilliseconds));
        const expiresAt = new Date(openedAt.getTime() + sessionMilliseconds);
        const known = round === 1 ? real.get(id) : undefined;
        insertSession(known ?? randomSession(samples, id, openedAt, expiresAt));
        insertEvent(randomEvent(samples, id, ago(now, age * yearMilliseconds)));
        step();
        step();
      }
    }
  });
}

/** Adds sessions to a closed database, as its newest rows. */
export const addSessions = (path: string, rows: readonly SessionRow[]): void =>
  write(path, (file) => rows.forEach(inserter(file, sessions)));

/** Returns the row at an index: accounts with known credentials at equal distances, and random accounts between them. */
function userPlaces({ users: count, accounts, samples, now }: Population): (index: number) => UserRow {
  const distance = count / accounts.length;
  const places = new Map(accounts.map((row, index) => [Math.floor((index + 0.5) * distance), row]));
  return (index) =>
    places.get(index) ?? randomUser(samples, ago(now, (1 - index / count) * yearMilliseconds));
}

const ago = (now: Date, milliseconds: number) => new Date(now.getTime() - milliseconds);

/** Runs one transaction, in memory as far as possible. Without a journal, the file is useless after an error. */
function write(path: string, fill: (file: DatabaseSync) => void): void {
  const file = new DatabaseSync(path);
  try {
    file.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000000; BEGIN");
    fill(file);
    file.exec("COMMIT");
  } finally {
    file.close();
  }
}

function inserter<T extends SQLiteTable>(
  file: DatabaseSync,
  table: T,
): (row: InferSelectModel<T>) => unknown {
  const names = columnNames(table);
  const statement = file.prepare(
    `INSERT INTO ${getTableName(table)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
  );
  return (row) => statement.run(...cellsOf(table, row));
}

/** Returns a copy in random order (Fisher-Yates). */
export function shuffled<T>(values: readonly T[]): T[] {
  const copy = [...values];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
