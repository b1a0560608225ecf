import type { OriginWhoAmIConfig } from "../../config/first-factor-config.ts";
import { findCookiesReadableAs } from "../../core/parsing/cookie-header.ts";
import { foldNameToUnderscores } from "../../core/parsing/folded-name.ts";
import {
  checkNamedValuesForAmbiguity,
  type NamedValue,
  type NamedValuesWithAmbiguity,
} from "../../core/parsing/named-values.ts";
import { findParametersReadableAs } from "../../core/parsing/query-string.ts";
import { hasNonUtf8Escapes, hasReplacementCharacter } from "../../core/parsing/undecodable.ts";

/** The parts of a request that can carry a session of the site. */
export interface CredentialRequestParts {
  readonly headers: Headers;
  /** The `Cookie` header without the Worker's own cookies. Null: there are none. */
  readonly cookies: string | null;
  /** The query string of the request for the site, without the `?`, as the client sent it. */
  readonly query: string;
  /** True when the site may receive other credentials than the Worker can read, so that it cannot send them to the who-am-I. */
  readonly isUnclear: boolean;
}

/** One credential as the client sent it, for one request to the who-am-I. */
export interface CredentialHeadersAndQuery {
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The query with this credential, without the `?`. Empty: the credential is in a header. */
  readonly query: string;
}

/** One credential of a request. All cookies together are one, because a site may read several of them. */
interface Credential {
  readonly kind: "cookies" | "authorization" | "header" | "query";
  readonly found: NamedValuesWithAmbiguity;
  readonly sent: CredentialHeadersAndQuery;
}

/** All credentials of a request for the site. */
export interface RequestCredentials {
  /** The credentials for the who-am-I. Each is sent in a request of its own. */
  readonly credentials: readonly CredentialHeadersAndQuery[];
  /** Cookies of which `ORIGIN_COOKIES` names none. The who-am-I must not identify an account by them. Null: no such cookies. */
  readonly unnamedCookies: CredentialHeadersAndQuery | null;
  /** Kind, name and value of every credential as the client sent it, in order, for the session to be bound to. */
  readonly evidence: readonly (readonly string[])[];
  /** True when two servers may read a credential differently. */
  readonly isAmbiguous: boolean;
  /** True when a credential occurs more than once. */
  readonly isRepeated: boolean;
  /** True when the request has a header or query parameter of `ORIGIN_CREDENTIALS`. */
  readonly hasHeaderOrQueryCredential: boolean;
}

/** Reads the credentials of a request for the site. */
export function readRequestCredentials(
  config: OriginWhoAmIConfig,
  carriers: CredentialRequestParts,
): RequestCredentials {
  const all = [readCookies(config, carriers), readAuthorization(carriers), ...readOthers(config, carriers)];
  const credentials = all.filter(({ found }) => found.values.length > 0 || found.isAmbiguous);
  const { cookies } = carriers;
  const showsCookies = credentials.some(({ kind }) => kind === "cookies");
  return {
    credentials: credentials.map(({ sent }) => sent),
    unnamedCookies: cookies !== null && !showsCookies ? cookieCredential(cookies) : null,
    evidence: credentials.flatMap(({ kind, found }) =>
      found.values.map(({ name, value }) => [kind, name, value] as const),
    ),
    isAmbiguous: carriers.isUnclear || credentials.some(({ found }) => found.isAmbiguous),
    isRepeated: credentials.some(({ found }) => found.isRepeated),
    hasHeaderOrQueryCredential: credentials.some(({ kind }) => kind === "header" || kind === "query"),
  };
}

const cookieCredential = (cookies: string): CredentialHeadersAndQuery => ({
  headers: [["Cookie", cookies]],
  query: "",
});

function readCookies({ cookies: names }: OriginWhoAmIConfig, carriers: CredentialRequestParts): Credential {
  const header = carriers.cookies ?? "";
  const found = markUndecodable(findCookiesReadableAs(header, names), hasReplacementCharacter);
  return { kind: "cookies", found, sent: cookieCredential(header) };
}

function readAuthorization({ headers }: CredentialRequestParts): Credential {
  const value = headers.get("Authorization") ?? "";
  const values = value === "" ? [] : [{ name: "Authorization", value }];
  const found = checkNamedValuesForAmbiguity(values, ["Authorization"], !isSeveralAuthorizations(value));
  return {
    kind: "authorization",
    found: markUndecodable(found, hasReplacementCharacter),
    sent: { headers: [["Authorization", value]], query: "" },
  };
}

/**
 * The runtime joins several lines of a header with a comma. A comma that separates parameters of one scheme is followed by
 * `name=` (RFC 9110 11.4).
 */
function isSeveralAuthorizations(value: string): boolean {
  const [, ...further] = value.split(",");
  return further.some((part) => !/^[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=/.test(part));
}

function readOthers({ credentials }: OriginWhoAmIConfig, carriers: CredentialRequestParts): Credential[] {
  return credentials.map(({ kind, name }) =>
    kind === "header" ? readHeader(name, carriers) : readParameter(name, carriers),
  );
}

function readHeader(name: string, { headers }: CredentialRequestParts): Credential {
  const found = findHeadersReadableAs(headers, name);
  const sent = { headers: found.values.map(({ value }) => [name, value] as const), query: "" };
  return { kind: "header", found: markUndecodable(found, hasReplacementCharacter), sent };
}

function readParameter(name: string, carriers: CredentialRequestParts): Credential {
  const found = findParametersReadableAs(carriers.query, [name]);
  const query = found.values.map(({ name: key, value }) => `${key}=${value}`).join("&");
  return {
    kind: "query",
    found: markUndecodable(found, hasNonUtf8Escapes),
    sent: { headers: [], query },
  };
}

/** Finds the headers that some server may read under this name (INC-26). A comma may join two lines of one header. */
export function findHeadersReadableAs(headers: Headers, name: string): NamedValuesWithAmbiguity {
  const wanted = foldNameToUnderscores(name);
  const values = [...headers]
    .filter(([key, value]) => foldNameToUnderscores(key) === wanted && value !== "")
    .map(([key, value]): NamedValue => ({ name: key, value }));
  return checkNamedValuesForAmbiguity(
    values,
    [name.toLowerCase()],
    !values.some(({ value }) => value.includes(",")),
  );
}

/** Marks undecodable values as ambiguous: two values with different invalid UTF-8 are the same text here (INC-36). */
function markUndecodable(
  found: NamedValuesWithAmbiguity,
  isUndecodableText: (text: string) => boolean,
): NamedValuesWithAmbiguity {
  const wrong = found.values.some(({ name, value }) => isUndecodableText(name) || isUndecodableText(value));
  return wrong ? { ...found, isAmbiguous: true } : found;
}
