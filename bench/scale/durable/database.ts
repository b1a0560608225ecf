import type { Bucket, Rows, SentStatement } from "./object.ts";

/** The methods of a D1 statement that drizzle calls. */
interface Statement {
  readonly sent: SentStatement;
  bind(...values: SentStatement["values"]): Statement;
  raw(): Promise<Rows["rows"]>;
  all(): Promise<ReturnType<typeof toResult>>;
  run(): Promise<ReturnType<typeof toResult>>;
}

function statement(bucket: DurableObjectStub<Bucket>, sent: SentStatement): Statement {
  const runAlone = async (): Promise<Rows> => {
    const [answer] = await bucket.runAll([sent]);
    if (answer === undefined) throw new Error("The bucket has not answered");
    return answer;
  };
  const all = async () => toResult(await runAlone());
  return {
    sent,
    bind: (...values) => statement(bucket, { ...sent, values }),
    raw: async () => (await runAlone()).rows,
    all,
    run: all,
  };
}

const toResult = ({ names, rows }: Rows) => ({
  success: true,
  meta: {},
  results: rows.map((row) => Object.fromEntries(row.map((cell, index) => [names[index], cell]))),
});

/**
 * Returns a bucket as a D1 binding, with the methods that `src/store/platform/database.ts` calls. A stub can be used only in the request that
 * created it, so each session gets its own.
 */
export const asD1 = (openBucket: () => DurableObjectStub<Bucket>) => ({
  withSession() {
    const bucket = openBucket();
    return {
      prepare: (sql: string) => statement(bucket, { sql, values: [] }),
      batch: async (statements: readonly Statement[]) =>
        (await bucket.runAll(statements.map(({ sent }) => sent))).map(toResult),
    };
  },
});
