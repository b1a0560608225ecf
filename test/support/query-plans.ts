import { env } from "cloudflare:workers";
import type { Statement, Trip } from "./statements.ts";

/** A statement, and how SQLite goes about it: the steps of EXPLAIN QUERY PLAN. */
export interface Plan {
  readonly sql: string;
  readonly steps: readonly string[];
}

/** A step of a plan that is not a search by index. */
export interface Flaw {
  readonly kind: "scan" | "sort" | "open range";
  readonly step: string;
  readonly sql: string;
}

/** The statements of the trips, each text once. */
export function distinctStatements(trips: readonly Trip[]): Statement[] {
  const statements = trips.flatMap((trip) => trip.statements);
  return [...new Map(statements.map((statement) => [statement.sql, statement])).values()];
}

/** Asks SQLite for the plan of each statement on the schema as it stands. One trip. */
export async function explain(statements: readonly Statement[]): Promise<Plan[]> {
  const questions = statements.map(({ sql, values }) =>
    env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...values),
  );
  const answers = await env.DB.batch<{ detail: string }>(questions);
  return statements.map(({ sql }, index) => ({
    sql,
    steps: (answers[index]?.results ?? []).map(({ detail }) => detail),
  }));
}

/** What reads no table: one row of constants, a subquery of the statement itself, or a bound JSON array. */
const scansNoTable = /^SCAN (CONSTANT ROW|\(subquery-\d+\)|blocked|oldest|\w+ VIRTUAL TABLE INDEX \d+:)$/;

/** A search for given values, or a range among the rows that have one. */
const searchesByValue = /^SEARCH .* USING (?!AUTOMATIC)[^()]* \([^()]*=\?[^()]*\)( LEFT-JOIN)?$/;

/** A search that goes on until the statement's limit ends it. */
const searchesOnwards = /^SEARCH .* USING (?!AUTOMATIC)[^()]* \(\w+[<>]\?\)$/;

/** Steps that only say how the others belong together. */
const structure =
  /^(CO-ROUTINE .*|(CORRELATED )?(SCALAR|LIST) SUBQUERY \d+|MULTI-INDEX OR|INDEX \d+|MERGE \(UNION ALL\)|LEFT|RIGHT|CREATE BLOOM FILTER)$/;

/** Everything in these plans that is not a search by index for given values. A step that is not known is a scan. */
export function findFlaws(plans: readonly Plan[]): Flaw[] {
  return plans.flatMap(({ sql, steps }) =>
    steps.flatMap((step): Flaw[] => {
      if (scansNoTable.test(step) || searchesByValue.test(step) || structure.test(step)) return [];
      if (searchesOnwards.test(step)) return [{ kind: "open range", step, sql }];
      return [{ kind: step.startsWith("USE TEMP B-TREE") ? "sort" : "scan", step, sql }];
    }),
  );
}
