/** True for a safe method (RFC 9110 9.2.1). `TRACE` is missing, because it reaches neither a route nor an origin. */
export const isSafeMethod = (method: string): boolean => ["GET", "HEAD", "OPTIONS"].includes(method);
