import type { OriginConfig } from "../../config/first-factor-config.ts";
import { readNamedCookies } from "../../core/parsing/cookie-header.ts";
import { foldName } from "../../core/parsing/folded-name.ts";
import { type NamedValue, type NamedValues, summarizeNamedValues } from "../../core/parsing/named-values.ts";
import { readNamedParameters } from "../../core/parsing/query-string.ts";
import { isUndecodable, isUndecodableEncoded } from "../../core/parsing/undecodable.ts";

/** Everything of a request that can carry a session of the site. */
export interface VisitCredentials {
  readonly headers: Headers;
  /** The `Cookie` header without the Worker's own cookies. Null: there are none. */
  readonly cookies: string | null;
  /** The query string of the address that was asked for, without the `?`, as it was sent. */
  readonly query: string;
  /** The site may get credentials that are not in `headers` and `cookies`, so no question can be asked about them. */
  readonly isUnclear: boolean;
}

/** What one question to the who-am-I carries: one credential, as the client sent it. */
export interface Question {
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without the `?`, or empty. */
  readonly query: string;
}

/** One credential that a request shows. All cookies together are one, because a site may read several of them. */
interface Credential {
  readonly kind: "cookies" | "authorization" | "header" | "query";
  readonly shown: NamedValues;
  readonly question: Question;
}

/** What a request shows of its session at the site. */
export interface ShownCredentials {
  /** The questions for the who-am-I, one for each credential. */
  readonly questions: readonly Question[];
  /** For cookies of which `ORIGIN_COOKIES` names none. The who-am-I must not know an account by them. */
  readonly unnamedCookies: Question | null;
  /** Kind, name and value of every credential as it came, in order: two different requests have different evidence. */
  readonly evidence: readonly (readonly string[])[];
  readonly isAmbiguous: boolean;
  readonly isRepeated: boolean;
  /** The request shows an entry of `ORIGIN_CREDENTIALS`. */
  readonly showsOtherCredential: boolean;
}

/** Reads the credentials of a request. */
export function readCredentials(config: OriginConfig, visit: VisitCredentials): ShownCredentials {
  const all = [readCookies(config, visit), readAuthorization(visit), ...readOthers(config, visit)];
  const credentials = all.filter(({ shown }) => shown.values.length > 0 || shown.isAmbiguous);
  const { cookies } = visit;
  const showsCookies = credentials.some(({ kind }) => kind === "cookies");
  return {
    questions: credentials.map(({ question }) => question),
    unnamedCookies: cookies !== null && !showsCookies ? cookieQuestion(cookies) : null,
    evidence: credentials.flatMap(({ kind, shown }) =>
      shown.values.map(({ name, value }) => [kind, name, value] as const),
    ),
    isAmbiguous: visit.isUnclear || credentials.some(({ shown }) => shown.isAmbiguous),
    isRepeated: credentials.some(({ shown }) => shown.isRepeated),
    showsOtherCredential: credentials.some(({ kind }) => kind === "header" || kind === "query"),
  };
}

const cookieQuestion = (cookies: string): Question => ({ headers: [["Cookie", cookies]], query: "" });

function readCookies({ cookies: names }: OriginConfig, visit: VisitCredentials): Credential {
  const header = visit.cookies ?? "";
  const shown = refuseUndecodable(readNamedCookies(header, names), isUndecodable);
  return { kind: "cookies", shown, question: cookieQuestion(header) };
}

function readAuthorization({ headers }: VisitCredentials): Credential {
  const value = headers.get("Authorization") ?? "";
  const values = value === "" ? [] : [{ name: "Authorization", value }];
  const shown = summarizeNamedValues(values, ["Authorization"], !isSeveralAuthorizations(value));
  return {
    kind: "authorization",
    shown: refuseUndecodable(shown, isUndecodable),
    question: { headers: [["Authorization", value]], query: "" },
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

function readOthers({ credentials }: OriginConfig, visit: VisitCredentials): Credential[] {
  return credentials.map(({ kind, name }) =>
    kind === "header" ? readHeader(name, visit) : readParameter(name, visit),
  );
}

function readHeader(name: string, { headers }: VisitCredentials): Credential {
  const shown = findShownHeaders(headers, name);
  const question = { headers: shown.values.map(({ value }) => [name, value] as const), query: "" };
  return { kind: "header", shown: refuseUndecodable(shown, isUndecodable), question };
}

function readParameter(name: string, { query }: VisitCredentials): Credential {
  const shown = readNamedParameters(query, [name]);
  const asked = shown.values.map(({ name: key, value }) => `${key}=${value}`).join("&");
  return {
    kind: "query",
    shown: refuseUndecodable(shown, isUndecodableEncoded),
    question: { headers: [], query: asked },
  };
}

/** The headers that some server may read under this name (INC-26). A comma may stand between two lines of one header. */
export function findShownHeaders(headers: Headers, name: string): NamedValues {
  const wanted = foldName(name);
  const values = [...headers]
    .filter(([key, value]) => foldName(key) === wanted && value !== "")
    .map(([key, value]): NamedValue => ({ name: key, value }));
  return summarizeNamedValues(values, [name.toLowerCase()], !values.some(({ value }) => value.includes(",")));
}

/** Values that differ in bytes that are not UTF-8 look the same here (INC-36). */
function refuseUndecodable(shown: NamedValues, isWrong: (text: string) => boolean): NamedValues {
  const wrong = shown.values.some(({ name, value }) => isWrong(name) || isWrong(value));
  return wrong ? { ...shown, isAmbiguous: true } : shown;
}
