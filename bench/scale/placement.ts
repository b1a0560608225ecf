import { createHash } from "node:crypto";

/** Returns the index of a user's database. */
type Place = (user: number, databases: number) => number;

/** The effect of adding databases. */
export interface Growth {
  readonly from: number;
  readonly to: number;
  /** The share of users that move to another database. */
  readonly moved: number;
  /** The users of the fullest database afterwards, divided by the mean. */
  readonly fullest: number;
}

/** The first 32 bits of a SHA-256. */
const hashOf = (text: string): number => createHash("sha256").update(text).digest().readUInt32BE();

/** A hash modulo the number of databases. */
const byRemainder: Place = (user, databases) => hashOf(`user ${user}`) % databases;

/** Rendezvous hashing: the database with the highest hash of the pair of database and user. */
const byRendezvous: Place = (user, databases) => {
  const hashes = Array.from({ length: databases }, (_, database) => hashOf(`user ${user} in ${database}`));
  return hashes.indexOf(Math.max(...hashes));
};

/** A fixed number of buckets, and a table of the database of each bucket. */
const byBuckets =
  (buckets: number): Place =>
  (user, databases) =>
    tableOf(buckets, databases)[hashOf(`user ${user}`) % buckets] ?? 0;

const tables = new Map<string, readonly number[]>();

function tableOf(buckets: number, databases: number): readonly number[] {
  const key = `${buckets}/${databases}`;
  const table = tables.get(key) ?? buildTable(buckets, databases);
  tables.set(key, table);
  return table;
}

/** Assigns the buckets. Each added database receives its share of buckets from the databases with the most. */
function buildTable(buckets: number, databases: number): number[] {
  const table = Array<number>(buckets).fill(0);
  for (let added = 1; added < databases; added += 1) {
    const sizes = Array<number>(added + 1).fill(0);
    for (const database of table) sizes[database] = (sizes[database] ?? 0) + 1;
    const share = Math.floor(buckets / (added + 1));
    for (let taken = 0; taken < share; taken += 1) {
      const fullest = sizes.indexOf(Math.max(...sizes));
      table[table.lastIndexOf(fullest)] = added;
      sizes[fullest] = (sizes[fullest] ?? 0) - 1;
    }
  }
  return table;
}

/** Methods that assign a user to a database. */
export const places: readonly { readonly name: string; readonly place: Place }[] = [
  { name: "remainder of a hash", place: byRemainder },
  { name: "rendezvous hash", place: byRendezvous },
  { name: "1,024 buckets and a table", place: byBuckets(1024) },
];

/** Places users in databases, adds databases, and counts the users that move. */
export function grow(place: Place, users: number, from: number, to: number): Growth {
  const sizes = Array<number>(to).fill(0);
  let moved = 0;
  for (let user = 0; user < users; user += 1) {
    const database = place(user, to);
    sizes[database] = (sizes[database] ?? 0) + 1;
    if (place(user, from) !== database) moved += 1;
  }
  return { from, to, moved: moved / users, fullest: (Math.max(...sizes) * to) / users };
}
