/** One call to D1. */
export interface TripCost {
  /** A replica may serve a read; a batch is a transaction on the primary. */
  readonly kind: "read" | "batch";
  readonly statements: number;
  /** As counted and billed by D1, which includes index entries. */
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** The duration on local D1, relative to the batch of a verify. */
  readonly weight: number;
}

/** Rows that remain until the hourly job removes them. */
export interface RowsLeft {
  readonly sessions: number;
  readonly events: number;
  readonly throttles: number;
}

/** The calls to the stores in one request to Sallyport. */
export interface OperationCost {
  /** In order. Each is made after the response to the previous one. */
  readonly trips: readonly TripCost[];
  readonly kvKeysRead: number;
  readonly leaves: RowsLeft;
}

/** The cost of the hourly job in D1. */
export interface JobCost {
  /** The maximum per table and run. The next run removes the rest. */
  readonly maxRowsPerTable: number;
  /** The maximum per table and batch. */
  readonly rowsPerChunk: number;
  /** The weight (see {@link TripCost}) of a batch that removes a full chunk of sessions, events and counters. */
  readonly chunkWeight: number;
  /** The rows written for each removed row. */
  readonly rowsWritten: RowsLeft;
  readonly rowsRead: RowsLeft;
}

/** The bytes of a row and its index entries in the database file. */
export interface RowBytes {
  /** A user with a second factor and ten backup codes. */
  readonly user: number;
  readonly session: number;
  readonly event: number;
}

/** The inputs of the model, as measured by `measure.ts`. */
export interface Costs {
  /** A correct password of an account with a second factor. */
  readonly signIn: OperationCost;
  /** A correct code after the password, which opens a full session. */
  readonly verify: OperationCost;
  /** A check of a session whose token is older than `SESSION_RECHECK`. */
  readonly recheck: OperationCost;
  readonly wrongPassword: OperationCost;
  /** A correct code that a backend verifies, in an isolate that has cached its API key. */
  readonly backendVerify: OperationCost;
  readonly job: JobCost;
  /** Can be replaced by a measurement of more rows. */
  readonly bytes: RowBytes;
}
