import type { OriginConfig } from "../../config/first-factor-config.ts";
import { parseEmail } from "../../core/parsing/email.ts";
import { parseSubject } from "../../core/parsing/external-subject.ts";
import { locate, type ValuePath } from "../../core/parsing/value-path.ts";
import { type ExternalIdentity, FirstFactorUnavailable } from "../../domain/sign-in/first-factor-source.ts";
import type { Question } from "./credentials.ts";

/** An origin that takes longer is down for its visitors, too. */
const timeoutMilliseconds = 5_000;

/** A who-am-I that says more than this does not say who somebody is. */
const longestAnswerBytes = 64 * 1024;

/** Where the who-am-I is asked, and what every question says beside the credential. */
export interface WhoAmI {
  /** Absolute. */
  readonly url: string;
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
  readonly address: string | null;
}

/**
 * Asks the site which account a credential belongs to. The question carries the credential and headers that do not depend
 * on the rest of the request: another header of the client could change the response, and with it the account (INC-25).
 *
 * @returns null when the site knows no account by it
 * @throws FirstFactorUnavailable when the response is neither an account nor a refusal
 */
export async function askWhoAmI(
  config: OriginConfig,
  whoAmI: WhoAmI,
  question: Question,
): Promise<ExternalIdentity | null> {
  const response = await reach(urlOf(whoAmI, question), headersOf(whoAmI, question));
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

function urlOf({ url }: WhoAmI, { query }: Question): string {
  if (query === "") return url;
  const asked = new URL(url);
  asked.search = asked.search === "" ? query : `${asked.search}&${query}`;
  return asked.href;
}

/** The site may bind a session to the client's address, so the origin is told the same address with every request. */
function headersOf({ publicOrigin, address }: WhoAmI, { headers: shown }: Question): Headers {
  const [scheme = "", host = ""] = publicOrigin.split("://");
  const headers = new Headers({
    Accept: "application/json",
    "User-Agent": "Sallyport",
    "X-Forwarded-Host": host,
    "X-Forwarded-Proto": scheme,
  });
  if (address !== null) headers.set("X-Forwarded-For", address);
  for (const [name, value] of shown) headers.append(name, value);
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

/** @throws TypeError when it is not UTF-8: two names would be read as one (INC-36) */
async function readAtMost(response: Response, bytes: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.byteLength;
    if (total > bytes) throw new Error(`more than ${bytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function readValue(locator: ValuePath | null, response: Response, document: unknown): unknown {
  if (locator === null) return null;
  return locator.kind === "header" ? response.headers.get(locator.name) : locate(document, locator.tokens);
}

/**
 * Nothing where a name should be, or one of the names for nobody, means that no account is signed in.
 *
 * @throws FirstFactorUnavailable when there is something else, and it can be no subject
 */
function toIdentity(config: OriginConfig, user: unknown, email: unknown): ExternalIdentity | null {
  if (user === undefined || user === null || user === "" || user === false) return null;
  const exact = parseSubject(user, "exact");
  if (exact !== null && config.nobodyNames.includes(exact)) return null;
  const username = parseSubject(user, config.names);
  if (username === null) throw new FirstFactorUnavailable("The who-am-I of the origin names no user");
  return { username, email: parseEmail(email) };
}
