/** How long a pending session waits for its second factor (SE-02). */
export const pendingTtlSeconds = 300;

/** What a caller with the first factor alone may leave behind (INC-30). */
export const openings = {
  windowSeconds: pendingTtlSeconds,
  /** Sessions of one kind, account and network in one window. Beyond it, clients share a pending session, and no event is written. */
  maxPerNetwork: 5,
  /** The same over all networks: an attacker may have any number of them, one site's IPv6 /48 alone has 65,536. */
  maxPerAccount: 50,
  /** Full sessions of an account without a second factor, and pending sessions that are over. The oldest make room. */
  maxKeptRows: 100,
  /** A client that shares a pending session has at least this long to type its code. */
  leastSeconds: pendingTtlSeconds / 2,
} as const;

/** Which sessions count as recent, and how many there may be. */
export const recentOpenings = (now: Date) => ({
  recentSince: new Date(now.getTime() - openings.windowSeconds * 1000),
  maxPerNetwork: openings.maxPerNetwork,
  maxPerAccount: openings.maxPerAccount,
});
