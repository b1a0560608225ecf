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

/** A character as it is, or escaped, also more than once, for a pattern that ignores case. */
const escapable = (character: string): string =>
  `(?:${character}|${escapeOf(hexOf(character))}|${escapeOf(hexOf(character.toUpperCase()))})`;
const hexOf = (character: string) => character.charCodeAt(0).toString(16);
const escapeOf = (hex: string) => `%(?:25)*${hex}`;
const escapableText = (text: string) => [...text].map(escapable).join("");

/**
 * A pattern for a `Cookie` header with a cookie of Sallyport's in any spelling, for the proxies that have taken away those in the usual
 * one. Servers fold the name, and decode it: `__%48ost-sallyport` (INC-26). It ignores case, and is in the syntax of PCRE and RE2.
 */
export const oddOwnCookie = `${escapableText("host")}(?:[^a-z0-9]|${escapeOf("[0-9a-f]{2}")})${escapableText("sallyport")}`;
