import type { OriginWhoAmIConfig } from "../../config/first-factor-config.ts";
import { parseExternalEmail } from "../../core/parsing/email.ts";
import { parseExternalSubject } from "../../core/parsing/external-subject.ts";
import { type HeaderOrJsonPointer, readJsonPointerValue } from "../../core/parsing/value-path.ts";
import {
  type ExternalIdentity,
  FirstFactorUnavailableError,
} from "../../domain/sign-in/first-factor-source.ts";
import type { CredentialHeadersAndQuery } from "./credentials.ts";

/** When the origin's who-am-I takes longer, the first factor counts as unavailable. */
const timeoutMilliseconds = 5_000;

/** A longer JSON response of the who-am-I counts as unavailable, too. The description of an account is far shorter. */
const maxResponseBytes = 64 * 1024;

/** A request to the who-am-I without the credential: its address, and the headers that describe the visitor. */
export interface WhoAmIRequestWithoutCredential {
  /** Absolute. */
  readonly url: string;
  /** The scheme and host that the visitor sees. */
  readonly publicOrigin: string;
  /** The visitor's address. */
  readonly address: string | null;
}

/**
 * Asks the site which account a credential belongs to: one `fetch`. No other header of the visitor's request is sent, because
 * it could change the response and with it the account (INC-25).
 *
 * @returns null when the site responds that the credential belongs to no account
 * @throws FirstFactorUnavailableError for any other response than an account or an anonymous visitor, and for none
 */
export async function fetchIdentity(
  config: OriginWhoAmIConfig,
  whoAmI: WhoAmIRequestWithoutCredential,
  credential: CredentialHeadersAndQuery,
): Promise<ExternalIdentity | null> {
  const response = await fetchWhoAmI(urlOf(whoAmI, credential), headersOf(config, whoAmI, credential));
  if (await isForAnonymousVisitor(config, response)) return null;
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new FirstFactorUnavailableError(`The who-am-I of the origin responded ${response.status}`);
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

/**
 * True when the response means that the credential belongs to no account. A 403 means that only with the configured text in its body:
 * sites also send a 403 to a signed-in visitor for a missing CSRF header or permission, and such a visitor must not pass as anonymous
 * (INC-25).
 *
 * @throws FirstFactorUnavailableError for another 403
 */
async function isForAnonymousVisitor(
  { anonymousStatuses, anonymousForbiddenText }: OriginWhoAmIConfig,
  response: Response,
): Promise<boolean> {
  if (response.status === 403) {
    const body =
      anonymousForbiddenText === null ? "" : await readAtMost(response, maxResponseBytes).catch(() => "");
    if (anonymousForbiddenText !== null && body.includes(anonymousForbiddenText)) return true;
    await response.body?.cancel().catch(() => {});
    throw new FirstFactorUnavailableError(
      "The who-am-I of the origin responded 403 without WHOAMI_FORBIDDEN_TEXT. It may need a header: see WHOAMI_HEADERS",
    );
  }
  if (!anonymousStatuses.includes(response.status)) return false;
  await response.body?.cancel();
  return true;
}

function urlOf({ url }: WhoAmIRequestWithoutCredential, { query }: CredentialHeadersAndQuery): string {
  if (query === "") return url;
  const extended = new URL(url);
  extended.search = extended.search === "" ? query : `${extended.search}&${query}`;
  return extended.href;
}

/**
 * Returns the headers of a request to the who-am-I. `X-Forwarded-For` is the visitor's address, as in the requests that the gate
 * forwards: the site may bind its session to the address.
 */
function headersOf(
  { whoAmIHeaders }: OriginWhoAmIConfig,
  { publicOrigin, address }: WhoAmIRequestWithoutCredential,
  { headers: sent }: CredentialHeadersAndQuery,
): Headers {
  const [scheme = "", host = ""] = publicOrigin.split("://");
  const headers = new Headers({
    Accept: "application/json",
    "User-Agent": "Sallyport",
    "X-Forwarded-Host": host,
    "X-Forwarded-Proto": scheme,
  });
  for (const [name, value] of whoAmIHeaders) headers.set(name, value);
  if (address !== null) headers.set("X-Forwarded-For", address);
  for (const [name, value] of sent) headers.append(name, value);
  return headers;
}

async function fetchWhoAmI(url: string, headers: Headers): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    return await fetch(url, { headers, redirect: "manual", cache: "no-store", signal });
  } catch (cause) {
    throw new FirstFactorUnavailableError("The who-am-I of the origin does not respond", { cause });
  }
}

async function readJson(response: Response): Promise<unknown> {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "")) {
    await response.body?.cancel();
    throw new FirstFactorUnavailableError("The response of the origin's who-am-I is not JSON");
  }
  try {
    return JSON.parse(await readAtMost(response, maxResponseBytes));
  } catch (cause) {
    throw new FirstFactorUnavailableError("The response of the origin's who-am-I is not JSON", { cause });
  }
}

/** @throws TypeError for invalid UTF-8: two different names could become the same text (INC-36) */
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

function readValue(path: HeaderOrJsonPointer | null, response: Response, document: unknown): unknown {
  if (path === null) return null;
  return path.kind === "header"
    ? response.headers.get(path.name)
    : readJsonPointerValue(document, path.tokens);
}

/**
 * Returns null for an anonymous visitor: the name is absent, empty, or one of `WHOAMI_ANONYMOUS`.
 *
 * @throws FirstFactorUnavailableError when the name is present and is no valid subject
 */
function toIdentity(config: OriginWhoAmIConfig, user: unknown, email: unknown): ExternalIdentity | null {
  if (user === undefined || user === null || user === "" || user === false) return null;
  const exact = parseExternalSubject(user, "exact");
  if (exact !== null && config.anonymousNames.includes(exact)) return null;
  const username = parseExternalSubject(user, config.names);
  if (username === null)
    throw new FirstFactorUnavailableError(
      "The user name in the response of the origin's who-am-I is not valid",
    );
  return { username, email: parseExternalEmail(email) };
}
