/** How long a pending session waits for its second factor (SE-02). */
export const pendingSessionTtlSeconds = 300;

/** How many sessions and events a client with the first factor alone can create (INC-30). */
export const firstFactorOnlySessionLimits = {
  windowSeconds: pendingSessionTtlSeconds,
  /** Sessions of one kind, account and network in one window. Beyond it, clients share a pending session, and no event is written. */
  maxPerNetwork: 5,
  /** Sessions of one kind and account in one window, over all networks: a client can use many. A single IPv6 /48 has 65,536. */
  maxPerAccount: 50,
  /** Rows of an account: full sessions without a second factor, and pending sessions that are over. The oldest are deleted. */
  maxKeptRows: 100,
  /** The time that a client with a shared pending session has at least to type its code. */
  minSeconds: pendingSessionTtlSeconds / 2,
} as const;

/** Returns the limits on the openings of the last five minutes. An opening is a session that the first factor alone has opened. */
export const recentFirstFactorOnlySessionLimitsAt = (now: Date) => ({
  recentSince: new Date(now.getTime() - firstFactorOnlySessionLimits.windowSeconds * 1000),
  maxPerNetwork: firstFactorOnlySessionLimits.maxPerNetwork,
  maxPerAccount: firstFactorOnlySessionLimits.maxPerAccount,
});
