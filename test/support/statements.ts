import { env } from "cloudflare:workers";
import { type D1Trip, interceptD1, type MeteredStatement } from "./d1.ts";

/** A statement that the Worker has sent to D1, with its cost. */
export type Statement = MeteredStatement;

/** One trip to D1. */
export interface Trip extends Pick<D1Trip, "kind"> {
  readonly statements: readonly Statement[];
}

export interface Watch {
  /** Every trip since the beginning, in the order of D1's responses. */
  readonly trips: Trip[];
  stop(): void;
}

/**
 * Records every trip to D1 that the Worker makes from now on through `env.DB`: in HTTP requests, over the service binding and in the hourly
 * job. Statements that a test runs itself are not recorded, because they use no D1 session.
 */
export function watchStatements(): Watch {
  const trips: Trip[] = [];
  const { withSession } = env.DB;
  const watched = interceptD1({ withSession: withSession.bind(env.DB) }, async ({ kind, runMetered }) => {
    const { result, metered } = await runMetered();
    trips.push({ kind, statements: metered });
    return result;
  });
  env.DB.withSession = (constraint) => watched.withSession(constraint);
  return {
    trips,
    stop() {
      env.DB.withSession = withSession;
    },
  };
}
