import assert from "node:assert/strict";
import { request } from "node:http";
import type { Answer } from "../support/client.ts";
import type { Seen } from "../support/site.ts";
import { canonicalName, identityHeaders, spellings } from "../support/spellings.ts";

/** Sent to a page of Sallyport's, on the same host, that knows the way back. */
export function assertLeadsTo({ headers: { location = "" } }: Answer, page: string, back: string): void {
  assert.match(location, /^\/[^/\\]/, "a path on the same host");
  const { pathname, searchParams } = new URL(location, "http://host.invalid");
  assert.equal(pathname, page);
  assert.equal(searchParams.get("rd"), back);
}

/** The demo origin counts its requests, and says so in every answer. */
export function assertSiteNotReached({ headers }: Answer): void {
  assert.equal(headers["x-origin-requests"], undefined);
}

/** All claims at once in each of three ways to write them, and each spelling alone. */
export function spoofedClaims(): Array<Array<[string, string]>> {
  const names = [...identityHeaders, "X-Sallyport-Proxy-Key", "Remote-Groups", "X-Forwarded-User"].flatMap(
    spellings,
  );
  const alone = identityHeaders.flatMap(spellings).filter((name) => /[A-Z][a-z]/.test(name));
  return [
    names.map((name) => [name, "evil"]),
    ...alone.map((name): Array<[string, string]> => [[name, "evil"]]),
  ];
}

/** What a proxy does not even read, and what the Worker refuses for a header's spelling, reaches nobody. */
export function refusedAsMalformed(answer: Answer): boolean {
  if (answer.status !== 400 && !answer.body.includes("only a proxy may set")) return false;
  assertSiteNotReached(answer);
  return true;
}

/** Everything that the site saw and could take for something about the visitor. */
export function identitySeen({ body }: Answer): Array<[string, string]> {
  const { rawHeaders }: Seen = JSON.parse(body);
  return rawHeaders
    .map(([name, value]): [string, string] => [canonicalName(name), value])
    .filter(([name]) => /^(remote|x-sallyport|x-forwarded-user)(-|$)/.test(name));
}

export const isNamed = (wanted: string) => (name: string) => canonicalName(name) === wanted;

/** When each piece of an answer came, in milliseconds. */
export function timeChunks(url: string, cookie: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const asked = request(url, { headers: { Cookie: cookie, Accept: "text/event-stream" } }, (response) => {
      response.on("data", () => times.push(Date.now()));
      response.once("end", () => resolve(times));
    });
    asked.once("error", reject);
    asked.end();
  });
}
