import { type Answer, host } from "./worker.ts";

export const sessionCookieName = "__Host-sallyport";
export const pendingCookieName = "__Host-sallyport-pending";
export const deviceCookieName = "__Host-sallyport-device";

/** A parsed `Set-Cookie`. Attribute names are in lower case; an attribute without a value is `true`. */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly attributes: Readonly<Record<string, string | true>>;
}

/** Parses every `Set-Cookie` of a response. */
export function parseSetCookies({ headers }: Pick<Answer, "headers">): SetCookie[] {
  return headers.getSetCookie().map((line) => {
    const [pair = "", ...rest] = line.split(/; */);
    const attributes = rest.map((attribute) => {
      const [name = "", value] = attribute.split("=", 2);
      return [name.toLowerCase(), value ?? true];
    });
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: Object.fromEntries(attributes) };
  });
}

/** The value that a response sets for a cookie. Undefined when it does not set the cookie. */
export function cookieValue(answer: Pick<Answer, "headers">, name: string): string | undefined {
  return parseSetCookies(answer).find((cookie) => cookie.name === name)?.value;
}

/** The headers of a same-origin request with these cookies. */
export function browserHeaders(cookies: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
  return { Cookie: pairs.join("; "), Origin: host, "Sec-Fetch-Site": "same-origin" };
}
