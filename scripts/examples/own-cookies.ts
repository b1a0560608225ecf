/**
 * The names of Sallyport's cookies. `src/http/cookies.ts` defines them too, but cannot be loaded outside of a Worker;
 * `test/examples/generated.test.ts` compares both lists.
 */
export const ownCookieNames: readonly string[] = [
  "__Host-sallyport",
  "__Host-sallyport-pending",
  "__Host-sallyport-challenge",
  "__Host-sallyport-circle",
  "__Host-sallyport-device",
  "__Host-sallyport-handover",
];

/** A pattern for a character, percent-encoded any number of times or not at all. It must ignore case. */
const escapable = (character: string): string =>
  `(?:${character}|${escapeOf(hexOf(character))}|${escapeOf(hexOf(character.toUpperCase()))})`;
const hexOf = (character: string) => character.charCodeAt(0).toString(16);
const escapeOf = (hex: string) => `%(?:25)*${hex}`;
const escapableText = (text: string) => [...text].map(escapable).join("");

/**
 * Matches a `Cookie` header with a Sallyport cookie in any spelling, for proxies that have already removed the usual spelling. Servers
 * fold and decode names: `__%48ost-sallyport` (INC-26). The pattern must ignore case; its syntax is valid in PCRE and RE2.
 */
export const oddOwnCookie = `${escapableText("host")}(?:[^a-z0-9]|${escapeOf("[0-9a-f]{2}")})${escapableText("sallyport")}`;
