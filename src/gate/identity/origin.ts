import type { OriginConfig } from "../../config/first-factor.ts";
import { readEmail } from "../../core/email.ts";
import { type Locator, locate } from "../../core/locator.ts";
import { canonicalUsername } from "../../core/username.ts";
import {
  type ExternalIdentity,
  type FirstFactorSource,
  FirstFactorUnavailable,
} from "../../domain/first-factor-source.ts";
import { cookieReadings, headerReadings, queryReadings } from "../headers.ts";

/** An origin that takes longer is down for its visitors, too. */
const timeoutMilliseconds = 5_000;

/** A who-am-I that says more than this does not say who somebody is. */
const longestAnswerBytes = 64 * 1024;

/** What a request shows of its session at the origin. */
export interface OriginVisit {
  /** As the origin may see them: without anything of the Worker's own. */
  readonly headers: Headers;
  /** The parameters of the address that was asked for. */
  readonly query: URLSearchParams;
  /** The who-am-I address, absolute. */
  readonly whoAmI: string;
}

/** The site's own login: the Worker asks it who the visitor is, with what the visitor shows. */
export function originSource(config: OriginConfig, visit: OriginVisit): FirstFactorSource {
  const shown = readCredentials(config, visit);
  const evidence = shown.every((value) => value === "") ? null : shown;
  const identify = async () => {
    // Any cookie will do to be asked about: nobody but the origin knows for sure which of them it reads.
    if (evidence === null && !visit.headers.get("Cookie")) return null;
    const identity = await askWhoAmI(config, visit.headers, whoAmIFor(config, visit));
    if (identity === null || evidence !== null) return identity;
    throw new FirstFactorUnavailable("The origin knows somebody who shows none of ORIGIN_COOKIES");
  };
  // Asked once for a request, however many of its parts want to know.
  let identified: Promise<ExternalIdentity | null> | undefined;
  return {
    realm: "origin",
    nobodyPasses: config.loginPath === null,
    // A site may take it in one place, such as its WebSocket, and not at the who-am-I.
    showsOtherCredential: shown.slice(config.cookies.length + 1).some((value) => value !== ""),
    loginPath: config.loginPath,
    evidence: async () => evidence,
    identify: () => {
      identified ??= identify();
      return identified;
    },
    identifyAgain: identify,
  };
}

/**
 * The named cookies, `Authorization` and what else carries credentials, in a fixed order. Of what is there twice, or
 * in several spellings, every value counts: nobody but the origin knows which it takes.
 */
function readCredentials(
  { cookies, credentials }: OriginConfig,
  { headers, query }: OriginVisit,
): readonly string[] {
  const header = headers.get("Cookie") ?? "";
  const others = credentials.map(({ kind, name }) =>
    kind === "header" ? headerReadings(headers, name).join("\n") : queryReadings(query, name).join("&"),
  );
  return [
    ...cookies.map((name) => cookieReadings(header, name).join(";")),
    headers.get("Authorization") ?? "",
    ...others,
  ];
}

/**
 * The who-am-I address, with the credentials of the address that was asked for, as they are spelled there.
 *
 * @throws FirstFactorUnavailable when one stands behind a semicolon, where not every server looks for one
 */
function whoAmIFor({ credentials }: OriginConfig, { query, whoAmI }: OriginVisit): string {
  const url = new URL(whoAmI);
  for (const { kind, name } of credentials) {
    if (kind === "header") continue;
    for (const [key, value] of query) {
      const readings = queryReadings(new URLSearchParams([[key, value]]), name);
      if (readings.length === 0) continue;
      if (/;/.test(key + value))
        throw new FirstFactorUnavailable("A parameter with credentials has a semicolon");
      url.searchParams.append(key, value);
    }
  }
  return url.href;
}

async function askWhoAmI(
  config: OriginConfig,
  visitor: Headers,
  url: string,
): Promise<ExternalIdentity | null> {
  const response = await reach(url, probeHeaders(visitor));
  if (config.nobodyStatuses.includes(response.status)) {
    await response.body?.cancel();
    return null;
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new FirstFactorUnavailable(`The who-am-I of the origin answered ${response.status}`);
  }
  const document =
    config.user.kind === "json" || config.email?.kind === "json" ? await readJson(response) : null;
  if (document === null) await response.body?.cancel();
  return toIdentity(
    config,
    readValue(config.user, response, document),
    readValue(config.email, response, document),
  );
}

/** What the visitor sends, but for what is about another request: its body, its range, its upgrade, its cache. */
function probeHeaders(visitor: Headers): Headers {
  const headers = new Headers(visitor);
  const others = /^(host|connection|upgrade|range|content-.*|transfer-encoding|if-.*|sec-websocket-.*)$/;
  for (const name of [...headers.keys()]) if (others.test(name)) headers.delete(name);
  headers.set("Accept", "application/json");
  return headers;
}

async function reach(url: string, headers: Headers): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    return await fetch(url, { headers, redirect: "manual", cache: "no-store", signal });
  } catch (cause) {
    throw new FirstFactorUnavailable("The who-am-I of the origin does not answer", { cause });
  }
}

async function readJson(response: Response): Promise<unknown> {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "")) {
    await response.body?.cancel();
    throw new FirstFactorUnavailable("The who-am-I of the origin is no JSON");
  }
  try {
    return JSON.parse(await readAtMost(response, longestAnswerBytes));
  } catch (cause) {
    throw new FirstFactorUnavailable("The who-am-I of the origin is no JSON", { cause });
  }
}

async function readAtMost(response: Response, bytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.byteLength;
    if (total > bytes) throw new Error(`more than ${bytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function readValue(locator: Locator | null, response: Response, document: unknown): unknown {
  if (locator === null) return null;
  return locator.kind === "header" ? response.headers.get(locator.name) : locate(document, locator.tokens);
}

/** Nothing where a name should be means that nobody is signed in; what is no name means that the origin lies. */
function toIdentity({ nobodyNames }: OriginConfig, user: unknown, email: unknown): ExternalIdentity | null {
  if (user === undefined || user === null || user === "" || user === false) return null;
  const text = typeof user === "number" ? String(user) : user;
  const username = typeof text === "string" ? canonicalUsername(text) : null;
  if (username === null) throw new FirstFactorUnavailable("The who-am-I of the origin names no user");
  if (nobodyNames.includes(username)) return null;
  return { username, email: readEmail(email) };
}
