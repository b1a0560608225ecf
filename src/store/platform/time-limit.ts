/**
 * Waits for the result of `call`, but not longer than the limit. The call is not cancelled: its effect may still happen after
 * the limit.
 *
 * @throws Error when the time is over, or the error of `call`
 */
export async function withTimeLimitInSeconds<T>(seconds: number, call: () => Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No response within ${seconds} s`)), seconds * 1000);
  try {
    return await Promise.race([call(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
