import { createHash } from "node:crypto";

/** Which of `databases` a user is in. */
type Place = (user: number, databases: number) => number;

/** What it means to add databases. */
export interface Growth {
  readonly from: number;
  readonly to: number;
  /** The share of users that move to another database. */
  readonly moved: number;
  /** Users of the fullest database afterwards, in means. */
  readonly fullest: number;
}

/** The first 32 bits of a SHA-256. */
const hashOf = (text: string): number => createHash("sha256").update(text).digest().readUInt32BE();

/** A hash, and what remains of it when it is divided. */
const byRemainder: Place = (user, databases) => hashOf(`user ${user}`) % databases;

/** The database whose own hash with the user is the highest. */
const byRendezvous: Place = (user, databases) => {
  const hashes = Array.from({ length: databases }, (_, database) => hashOf(`user ${user} in ${database}`));
  return hashes.indexOf(Math.max(...hashes));
};

/** A fixed number of buckets, and a table that says where each of them is. */
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

/** Each added database takes its share of buckets from the databases with the most. */
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

/** Ways to tell in which database a user is. */
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
