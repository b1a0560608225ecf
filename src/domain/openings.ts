/** How long a pending session waits for its second factor (STANDARDS SE-02). */
export const pendingTtlSeconds = 300;

/** What a caller with the first factor alone may leave behind, for each account and network (INC-30). */
export const openings = {
  windowSeconds: pendingTtlSeconds,
  /** Sessions of one kind in one window. Beyond it, clients share a pending session, and no event is written. */
  most: 5,
  /** Full sessions of an account without a second factor. The oldest make room. */
  mostKept: 50,
  /** A client that shares a pending session has at least this long to type its code. */
  leastSeconds: pendingTtlSeconds / 2,
} as const;

/** Which sessions count as recent. */
export const recentOpenings = (now: Date) => ({
  recentSince: new Date(now.getTime() - openings.windowSeconds * 1000),
  mostRecent: openings.most,
});
