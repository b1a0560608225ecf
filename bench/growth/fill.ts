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

/** Living sessions of one account, and as many events. */
export const rowsPerUser = 3;

const dayMilliseconds = 24 * 3600 * 1000;
/** Accounts and events are of the year before the run. None is older than events are kept. */
const yearMilliseconds = 365 * dayMilliseconds;
/** What a session may live at most. */
export const sessionMilliseconds = 30 * dayMilliseconds;

/** Who is in a database. */
export interface Population {
  readonly users: number;
  /** Accounts that are real, and so the rest are like them: they stand among the others, all over the table. */
  readonly accounts: readonly UserRow[];
  /** Sessions of such accounts that are real, one an account at most: each takes the place of another of that account. */
  readonly sessions: readonly SessionRow[];
  readonly samples: Samples;
  readonly now: Date;
}

/**
 * Fills a database that nothing has open, as if it had grown: rows come by their time, and random ids fall anywhere
 * into the indexes, which stay as full or as empty as that leaves them.
 *
 * @param onProgress is told ten times how much is done, from 0 to 1
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

/** Adds sessions to a database that nothing has open: the newest of it. */
export const addSessions = (path: string, rows: readonly SessionRow[]): void =>
  write(path, (file) => rows.forEach(inserter(file, sessions)));

/** The real ones at equal distances, and between them the others. */
function userPlaces({ users: count, accounts, samples, now }: Population): (index: number) => UserRow {
  const distance = count / accounts.length;
  const places = new Map(accounts.map((row, index) => [Math.floor((index + 0.5) * distance), row]));
  return (index) =>
    places.get(index) ?? randomUser(samples, ago(now, (1 - index / count) * yearMilliseconds));
}

const ago = (now: Date, milliseconds: number) => new Date(now.getTime() - milliseconds);

/** One transaction, in memory as far as it fits: the file is thrown away if it does not end well. */
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

/** A copy in random order (Fisher and Yates). */
export function shuffled<T>(values: readonly T[]): T[] {
  const copy = [...values];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
