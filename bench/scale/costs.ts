/** One call to D1. */
export interface TripCost {
  /** A read may be answered by a replica; a batch is a transaction on the primary. */
  readonly kind: "read" | "batch";
  readonly statements: number;
  /** As D1 counts and bills them: an index's entries are rows, too. */
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** How long it takes on local D1, when the batch of a verify takes 1. */
  readonly weight: number;
}

/** Rows that stay behind until the hour's job removes them. */
export interface RowsLeft {
  readonly sessions: number;
  readonly events: number;
  readonly throttles: number;
}

/** The calls of the stores in one request to Sallyport. */
export interface OperationCost {
  /** In the order in which they are made, each when the one before has been answered. */
  readonly trips: readonly TripCost[];
  readonly kvKeysRead: number;
  readonly leaves: RowsLeft;
}

/** The cost of the hourly job in D1. */
export interface JobCost {
  /** Of one table, in one run. What is more is left for the next hour. */
  readonly mostRowsPerTable: number;
  /** Of one table, in one batch. */
  readonly rowsPerChunk: number;
  /** One batch that removes a whole chunk of sessions, events and counters. Weighs as {@link TripCost}. */
  readonly chunkWeight: number;
  /** For each row that it removes. */
  readonly rowsWritten: RowsLeft;
  readonly rowsRead: RowsLeft;
}

/** Bytes of the database file for one row and its entries in indexes. */
export interface RowBytes {
  /** With a second factor and ten backup codes. */
  readonly user: number;
  readonly session: number;
  readonly event: number;
}

/** All that the model has to be told. `measure.ts` finds it out. */
export interface Costs {
  /** A right password of an account with a second factor. */
  readonly signIn: OperationCost;
  /** A right code behind it: the session is open. */
  readonly verify: OperationCost;
  /** A session whose token is older than `SESSION_RECHECK`. */
  readonly recheck: OperationCost;
  readonly wrongPassword: OperationCost;
  /** A right code that a backend brings, in an isolate that knows its key. */
  readonly backendVerify: OperationCost;
  readonly job: JobCost;
  /** Another measurement of more rows can be put in its place. */
  readonly bytes: RowBytes;
}
