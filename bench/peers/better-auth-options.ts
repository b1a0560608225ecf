import { betterAuth } from "better-auth";
import { twoFactor } from "better-auth/plugins";

/** What a deployment of the peer sets. */
export interface PeerVariables {
  readonly BETTER_AUTH_SECRET: string;
  /** Where it is deployed: it names its cookies and checks the `Origin` by it. */
  readonly BETTER_AUTH_URL: string;
  /** `1`: a signed cookie keeps the session for five minutes, and the database is not asked meanwhile. */
  readonly COOKIE_CACHE?: string;
  /** `1`: what belongs together is read with one query. Not its default; its documentation offers it for speed. */
  readonly JOINS?: string;
}

/**
 * The peer as its documentation sets it up for Workers: the D1 binding itself is the database, and the two-factor
 * plugin has no options.
 */
export const createPeerAuth = (database: D1Database, variables: PeerVariables) =>
  betterAuth({
    appName: "Bench",
    baseURL: variables.BETTER_AUTH_URL,
    secret: variables.BETTER_AUTH_SECRET,
    database,
    advanced: { database: { joins: variables.JOINS === "1" } },
    emailAndPassword: { enabled: true },
    session: { cookieCache: { enabled: variables.COOKIE_CACHE === "1", maxAge: 5 * 60 } },
    // In production it allows three sign-ins in ten seconds from an address, and would refuse what is measured. It counts
    // in the memory of the isolate: without it the peer is spared no trip.
    rateLimit: { enabled: false },
    plugins: [twoFactor()],
  });
