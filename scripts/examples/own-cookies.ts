/**
 * The cookies of Sallyport. `src/http/cookies.ts` has them, too, and can't be loaded outside of a Worker;
 * `test/examples/generated.test.ts` compares the two.
 */
export const ownCookieNames: readonly string[] = [
  "__Host-sallyport",
  "__Host-sallyport-pending",
  "__Host-sallyport-challenge",
  "__Host-sallyport-circle",
  "__Host-sallyport-device",
];
