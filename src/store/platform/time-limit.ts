/**
 * Waits for an answer, and no longer than this. What was asked for may still happen afterwards: there is no taking
 * it back, and whoever asks has to be ready for it.
 *
 * @throws Error when the time is over; else whatever `ask` throws
 */
export async function withTimeLimit<T>(seconds: number, ask: () => Promise<T>): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${seconds} s`)), seconds * 1000);
  try {
    return await Promise.race([ask(), silence]);
  } finally {
    clearTimeout(timer);
  }
}
