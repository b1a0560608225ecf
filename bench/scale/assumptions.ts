import { auditRetentionDays } from "../../src/domain/maintenance/expiry.ts";

/** How people use what Sallyport protects. Assumptions: put your own in their place. */
export interface Habits {
  readonly name: string;
  /** With password and code. */
  readonly signInsPerUserPerDay: number;
  /** Minutes in which a signed-in user uses the site. In each, the gate gets at least one request. */
  readonly activeMinutesPerSignIn: number;
  readonly wrongPasswordsPerSignIn: number;
  /** Codes that a backend brings by `/v1`. */
  readonly backendVerifiesPerUserPerDay: number;
  /** The busiest second, in mean seconds. */
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
    // Half of them within the same two hours, and the worst minute of these.
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

/** What an operator or the code decides. */
export interface Settings {
  /** `SESSION_RECHECK`. */
  readonly recheckSeconds: number;
  /** `SESSION_MAX_AGE`: without sign-outs, every session stays this long, and until the hourly job. */
  readonly sessionSeconds: number;
  /** How long events are kept: in Sallyport no variable, but `src/domain/maintenance/expiry.ts`. */
  readonly auditRetentionDays: number;
  /** May reads be served by replicas? */
  readonly replicas: boolean;
}

export const defaults: Settings = {
  recheckSeconds: 60,
  sessionSeconds: 43_200,
  auditRetentionDays,
  replicas: false,
};

/** How full one database may be. */
export interface Headroom {
  /** Of its one thread, in the busiest second. */
  readonly utilisation: number;
  readonly bytes: number;
}

export const headroom: Headroom = { utilisation: 0.5, bytes: 5e9 };

/** US dollars, and what is included in the Workers Paid plan each month. `docs/scaling.md` says where this is written. */
export const prices = {
  planPerMonth: 5,
  rowsReadPerMillion: { price: 0.001, included: 25_000 },
  rowsWrittenPerMillion: { price: 1, included: 50 },
  d1GigabyteMonth: { price: 0.75, included: 5 },
  objectGigabyteMonth: { price: 0.2, included: 5 },
  objectRequestsPerMillion: { price: 0.15, included: 1 },
  /** Gigabyte-seconds, of 128 MB each second that an object is active. */
  objectGigabyteSecondsPerMillion: { price: 12.5, included: 0.4 },
  workerRequestsPerMillion: { price: 0.3, included: 10 },
  workerCpuMillisecondsPerMillion: { price: 0.02, included: 30 },
  kvReadsPerMillion: { price: 0.5, included: 10 },
} as const;

/** CPU of a password's hash (`src/core/crypto/password-hash.ts`), and of everything else in a request, about. */
export const cpuMilliseconds = { password: 150, other: 5 } as const;
