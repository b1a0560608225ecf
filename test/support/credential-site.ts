import { foldNameToUnderscores } from "../../src/core/parsing/folded-name.ts";

/** Where the site reads a credential. */
export type Place = "cookie" | "authorization" | "header" | "query";

/** How one part of the site (its who-am-I or its pages) reads a request. */
export interface Reading {
  /** The places where it looks for a credential, in order. */
  readonly order: readonly Place[];
  /** True when an invalid credential ends the search. Otherwise the next place is tried. */
  readonly stopsAtInvalid: boolean;
  /** True when names of cookies and parameters are compared without case. */
  readonly foldsNames: boolean;
  /** Of several cookies, headers or parameters of one name this one counts. */
  readonly takes: "first" | "last";
  /** What separates cookies beside semicolons: commas (RFC 2109), or blanks, as for `http.cookies` of Python. */
  readonly separator: "semicolons" | "commas" | "blanks";
  /** Names lose the characters that `str.strip` of Python removes. */
  readonly stripsNames: boolean;
}

/** The site's credentials in a request. */
export interface SentCredentials {
  readonly cookies: readonly string[];
  readonly authorization: string | null;
  /** Header names as they are spelled, with their values. */
  readonly headers: readonly (readonly [string, string])[];
  readonly query: readonly string[];
}

/** The names of the cookies that carry a session, the first one first: both parts of the site read them in this order. */
export const cookieNames = ["sid", "alt"];
export const headerName = "X-Api-Key";
export const queryName = "api_key";

/** A site that takes four kinds of credentials, with a who-am-I and pages that may read them in different orders. */
export class CredentialSite {
  /** The account of each credential. */
  readonly accounts = new Map<string, string>();

  constructor(
    readonly whoAmI: Reading,
    readonly pages: Reading,
    /** The who-am-I refuses requests of foreign origins, as a CORS filter does. */
    readonly refusesForeignOrigins: boolean,
  ) {}

  /** The mock of `fetch`. */
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as RequestInfo, init);
    const { pathname, search } = new URL(request.url);
    if (pathname !== "/me") return new Response(this.page(request.headers, search.slice(1)));
    if (this.refusesForeignOrigins && request.headers.has("Origin"))
      return new Response("cross-site", { status: 403 });
    const name = this.accountOf(this.whoAmI, request.headers, search.slice(1));
    return name === null ? new Response(null, { status: 401 }) : Response.json({ name });
  };

  /** The site's response to a page request. */
  page(headers: Headers, query: string): string {
    return `page of ${this.accountOf(this.pages, headers, query) ?? "anonymous"}`;
  }

  private accountOf(reading: Reading, headers: Headers, query: string): string | null {
    for (const place of reading.order) {
      const shown = readPlace(reading, place, headers, query);
      if (shown === null) continue;
      const account = this.accounts.get(shown);
      if (account !== undefined) return account;
      if (reading.stopsAtInvalid) return null;
    }
    return null;
  }
}

const separators = { semicolons: /; */, commas: /[;,] */, blanks: /[;\s]+/ };
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python takes these four for blanks
const pythonBlanks = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g;

function readPlace(reading: Reading, place: Place, headers: Headers, query: string): string | null {
  switch (place) {
    case "cookie": {
      const pieces = (headers.get("Cookie") ?? "").split(separators[reading.separator]);
      return cookieNames.map((name) => pick(reading, name, pieces)).find((value) => value !== null) ?? null;
    }
    case "authorization": {
      const lines = (headers.get("Authorization") ?? "").split(/, */).filter((line) => line !== "");
      const line = reading.takes === "first" ? lines[0] : lines.at(-1);
      // As `split(" ")[1]` reads it, whatever follows.
      return line?.split(/ +/)[1] ?? null;
    }
    case "header": {
      const lines = [...headers].flatMap(([key, value]) =>
        value.split(/, */).map((line) => `${key}=${line}`),
      );
      return pick(reading, headerName.toLowerCase(), lines);
    }
    case "query":
      return pick(reading, queryName, query.split("&").map(decodeURIComponent));
  }
}

function pick(reading: Reading, name: string, pieces: readonly string[]): string | null {
  const values = pieces.flatMap((piece) => {
    const [sent = "", ...rest] = piece.split("=");
    const key = reading.stripsNames ? sent.replace(pythonBlanks, "") : sent;
    const isNamed = reading.foldsNames
      ? foldNameToUnderscores(key) === foldNameToUnderscores(name)
      : key === name;
    return isNamed ? [rest.join("=")] : [];
  });
  return (reading.takes === "first" ? values[0] : values.at(-1)) ?? null;
}
