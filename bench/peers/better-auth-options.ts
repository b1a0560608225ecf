import { betterAuth } from "better-auth";
import { twoFactor } from "better-auth/plugins";

/** The variables of a deployment of the peer. */
export interface PeerVariables {
  readonly BETTER_AUTH_SECRET: string;
  /** The deployment's URL, which determines the names of cookies and the accepted `Origin`. */
  readonly BETTER_AUTH_URL: string;
  /** `1`: a signed cookie stores the session for five minutes, during which the database is not queried. */
  readonly COOKIE_CACHE?: string;
  /** `1`: related rows are read with one query. Off by default; the peer's documentation recommends it for speed. */
  readonly JOINS?: string;
}

/**
 * Creates the peer as its documentation describes for Workers: the D1 binding is the database, and the two-factor plugin has no
 * options.
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
    // In production the limit is three sign-ins in ten seconds per address, which would reject the measured requests. Its counters are
    // in the isolate's memory, so disabling it saves the peer no trip.
    rateLimit: { enabled: false },
    plugins: [twoFactor()],
  });
