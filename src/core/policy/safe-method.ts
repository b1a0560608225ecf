/** True for a method that asks for no change (RFC 9110 9.2.1). `TRACE` reaches neither a route nor an origin. */
export const isSafeMethod = (method: string): boolean => ["GET", "HEAD", "OPTIONS"].includes(method);
