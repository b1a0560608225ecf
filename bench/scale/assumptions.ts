import { auditRetentionDays } from "../../src/domain/maintenance/expiry.ts";

/** The usage of a protected site. These are assumptions: replace them with your own numbers. */
export interface Habits {
  readonly name: string;
  /** Sign-ins with password and code. */
  readonly signInsPerUserPerDay: number;
  /** Minutes per sign-in in which the user uses the site. In each, the gate receives at least one request. */
  readonly activeMinutesPerSignIn: number;
  readonly wrongPasswordsPerSignIn: number;
  /** Codes that a backend verifies through `/v1`. */
  readonly backendVerifiesPerUserPerDay: number;
  /** The load of the busiest second divided by the mean load. */
  readonly peakFactor: number;
}

export const habits: readonly Habits[] = [
  {
    name: "consumers",
    signInsPerUserPerDay: 0.1,
    activeMinutesPerSignIn: 10,
    wrongPasswordsPerSignIn: 0.1,
    backendVerifiesPerUserPerDay: 0,
    peakFactor: 4,
  },
  {
    name: "employees",
    signInsPerUserPerDay: 1,
    activeMinutesPerSignIn: 120,
    wrongPasswordsPerSignIn: 0.1,
    backendVerifiesPerUserPerDay: 0,
    // Half of the sign-ins happen within two hours, and the peak is the busiest minute of these.
    peakFactor: 10,
  },
  {
    name: "a backend's users",
    signInsPerUserPerDay: 0,
    activeMinutesPerSignIn: 0,
    wrongPasswordsPerSignIn: 0,
    backendVerifiesPerUserPerDay: 0.2,
    peakFactor: 4,
  },
];

/** Settings of the operator and of the code. */
export interface Settings {
  /** `SESSION_RECHECK`. */
  readonly recheckSeconds: number;
  /** `SESSION_MAX_AGE`. Without sign-outs, every session is stored this long, and until the next hourly job. */
  readonly sessionSeconds: number;
  /** The retention of events. Not configurable: defined in `src/domain/maintenance/expiry.ts`. */
  readonly auditRetentionDays: number;
  /** True when replicas serve reads. */
  readonly replicas: boolean;
}

export const defaults: Settings = {
  recheckSeconds: 60,
  sessionSeconds: 43_200,
  auditRetentionDays,
  replicas: false,
};

/** The maximum load of one database. */
export interface Headroom {
  /** The utilisation of its single thread in the busiest second. */
  readonly utilisation: number;
  readonly bytes: number;
}

export const headroom: Headroom = { utilisation: 0.5, bytes: 5e9 };

/** US dollars, and the quantities that the Workers Paid plan includes per month. `docs/scaling.md` cites the sources. */
export const prices = {
  planPerMonth: 5,
  rowsReadPerMillion: { price: 0.001, included: 25_000 },
  rowsWrittenPerMillion: { price: 1, included: 50 },
  d1GigabyteMonth: { price: 0.75, included: 5 },
  objectGigabyteMonth: { price: 0.2, included: 5 },
  objectRequestsPerMillion: { price: 0.15, included: 1 },
  /** Gigabyte-seconds: 128 MB for each second in which an object is active. */
  objectGigabyteSecondsPerMillion: { price: 12.5, included: 0.4 },
  workerRequestsPerMillion: { price: 0.3, included: 10 },
  workerCpuMillisecondsPerMillion: { price: 0.02, included: 30 },
  kvReadsPerMillion: { price: 0.5, included: 10 },
} as const;

/** The approximate CPU time of a password hash (`src/core/crypto/password-hash.ts`), and of the rest of a request. */
export const cpuMilliseconds = { password: 150, other: 5 } as const;
