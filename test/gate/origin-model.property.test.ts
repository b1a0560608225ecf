import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { advance } from "../support/clock.ts";
import {
  CredentialSite,
  cookieNames,
  headerName,
  type Place,
  queryName,
  type Reading,
  type SentCredentials,
} from "../support/credential-site.ts";
import { ask, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite } from "../support/origin-site.ts";
import { code } from "../support/worker.ts";

useFreshWorker();

// An attacker has the victim's first factor in every form that the site knows, an account of their own with a second
// factor, and a site whose who-am-I and pages read requests differently. No sequence of requests shows a page of the victim.

const forms = ["cookie", "token", "key", "parameter"] as const;
const credentialOf = (account: "victim" | "mallory", form: (typeof forms)[number]) => `${account}-${form}`;

const places: readonly Place[] = ["cookie", "authorization", "header", "query"];
const reading: fc.Arbitrary<Reading> = fc.record({
  order: fc.shuffledSubarray([...places], { minLength: places.length }),
  stopsAtInvalid: fc.boolean(),
  foldsNames: fc.boolean(),
  takes: fc.constantFrom("first", "last"),
  separator: fc.constantFrom("semicolons", "commas", "blanks"),
  stripsNames: fc.boolean(),
});

/** Which account a credential is of; `none`: the site does not know it. */
const owner = fc.constantFrom("victim", "mallory", "none");

const credentialFor = (who: string, form: (typeof forms)[number]) =>
  who === "none" ? "garbage" : credentialOf(who as "victim", form);

/** A text that has the type of a session's token when it is parsed, and that no proxy's pattern finds. */
const escapedType = `${btoa('{"typ":"sallyport\\u002dsession+jwt"}').replaceAll("=", "")}.e30.x`;

const cookie = fc
  .tuple(
    fc.constantFrom(...cookieNames, "SID", "sid ", "%73id", "sid\u0085", "s_id", "other"),
    owner,
    fc.constantFrom("", "", "a=1, ", "a=1 ", "a=1\t", "\u0085", "\u001c", "__Host-sallyport=1 "),
  )
  .map(([name, who, before]) => `${before}${name}=${credentialFor(who, "cookie")}`);
const parameter = fc
  .tuple(fc.constantFrom(queryName, "API_KEY", "api.key", "x=1%26api_key"), owner)
  .map(([name, who]) => `${name}=${credentialFor(who, "parameter")}`);
const header = fc
  .tuple(fc.constantFrom(headerName, "X_Api_Key"), owner)
  .map(([name, who]): readonly [string, string] => [name, credentialFor(who, "key")]);

/** Any spelling, any number. */
const untidy: fc.Arbitrary<SentCredentials> = fc.record({
  cookies: fc.array(cookie, { maxLength: 3 }),
  authorization: fc.option(
    fc
      .tuple(owner, fc.constantFrom("", "", ` ${escapedType}`, `, ${escapedType}`, " pending_x"))
      .map(([who, more]) => `Bearer ${credentialFor(who, "token")}${more}`),
    { freq: 2 },
  ),
  headers: fc.array(header, { maxLength: 1 }),
  query: fc.array(parameter, { maxLength: 1 }),
});

/** What a browser could send: every name at most once, in the right spelling, each of any account. */
const tidy: fc.Arbitrary<SentCredentials> = fc
  .tuple(
    fc.constantFrom(["sid", "alt"], ["alt", "sid"], ["sid"], []),
    fc.shuffledSubarray(["victim", "mallory"], { minLength: 2 }),
    fc.option(owner, { freq: 1 }),
    fc.option(owner, { freq: 1 }),
  )
  .map(([names, [first = "none", second = "none"], token, other]) => ({
    cookies: names.map((name, at) => `${name}=${credentialFor(at === 0 ? first : second, "cookie")}`),
    authorization: token === null ? null : `Bearer ${credentialFor(token, "token")}`,
    headers: [],
    query: other === null || names.length > 1 ? [] : [`${queryName}=${credentialFor(other, "parameter")}`],
  }));

const sent = fc.oneof(untidy, tidy);

/** The same values in another order or under exchanged names: what a fingerprint might not tell apart. */
const rearranged = (credentials: SentCredentials): SentCredentials => {
  const names = credentials.cookies.map((piece) => piece.slice(0, piece.lastIndexOf("=")));
  const values = credentials.cookies.map((piece) => piece.slice(piece.lastIndexOf("=") + 1));
  return { ...credentials, cookies: names.reverse().map((name, at) => `${name}=${values[at]}`) };
};

interface Step {
  readonly credentials: SentCredentials | "rearranged" | "same";
  readonly action: "visit" | "prove" | "post";
  readonly origin: string | null;
  readonly keepsSession: boolean;
  readonly secondsLater: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  credentials: fc.oneof(sent, fc.constantFrom("rearranged" as const, "rearranged" as const, "same" as const)),
  action: fc.constantFrom("visit", "visit", "prove", "post"),
  origin: fc.constantFrom(null, "https://evil.test"),
  keepsSession: fc.boolean(),
  secondsLater: fc.constantFrom(0, 0, 5, 61),
});

/** The attacker's client: it can send any header, and keeps every cookie of Sallyport. */
class Attacker {
  private readonly jar: Browser;

  constructor(
    readonly site: CredentialSite,
    readonly entryPoint: "gate" | "/auth-request" | "/forward-auth",
    variables: Record<string, string>,
  ) {
    this.jar = new Browser(variables);
  }

  headersOf({ cookies, authorization, headers }: SentCredentials, { keepsSession, origin }: Step): Headers {
    const own = keepsSession ? [...this.jar.cookies].map(([name, value]) => `${name}=${value}`) : [];
    const all = new Headers({ Accept: "text/html", "Sec-Fetch-Mode": "navigate" });
    if (cookies.length + own.length > 0) all.set("Cookie", [...cookies, ...own].join("; "));
    if (authorization !== null) all.set("Authorization", authorization);
    for (const [name, value] of headers) all.append(name, value);
    if (origin !== null) all.set("Origin", origin);
    return all;
  }

  /** A page of the site, as the client gets it through the gate or a proxy. Null: it gets none. */
  async visit(credentials: SentCredentials, step: Step, method: string): Promise<string | null> {
    const query = credentials.query.join("&");
    const uri = query === "" ? "/inbox" : `/inbox?${query}`;
    const headers = this.headersOf(credentials, step);
    if (this.entryPoint === "gate") {
      const response = await this.jar.request(uri, { method, headers });
      return response.status === 200 ? response.text() : null;
    }
    const asked = { ...Object.fromEntries(headers), "X-Sallyport-Proxy-Key": proxyKey };
    const response = await ask(this.jar.bindings, this.entryPoint, { method, uri, headers: asked });
    for (const line of response.headers.getSetCookie()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
      if (value !== "") this.jar.cookies.set(name, value);
    }
    if (response.status !== 200) return null;
    // The proxy hands the request on as it came, and names the visitor.
    return `${this.site.page(headers, query)} as ${response.headers.get("Remote-User")}`;
  }

  /** Tries to pass the second factor with the attacker's own code, whatever account the credentials name. */
  async prove(credentials: SentCredentials, step: Step, secret: string): Promise<void> {
    const query = credentials.query.length > 0 ? `?${credentials.query.join("&")}` : "";
    const path = `/api/auth/second-factor${query}`;
    const headers = this.headersOf(credentials, { ...step, origin: null, keepsSession: false });
    await this.jar.request(path, { headers });
    const posted = this.headersOf(credentials, { ...step, origin: null, keepsSession: true });
    posted.set("Content-Type", "application/x-www-form-urlencoded");
    posted.set("Sec-Fetch-Site", "same-origin");
    await this.jar.request(path, {
      method: "POST",
      headers: posted,
      body: `code=${await code(secret)}&rd=/inbox`,
    });
    advance(30);
  }
}

const alone = (who: "victim" | "mallory"): SentCredentials => ({
  cookies: [`sid=${credentialOf(who, "cookie")}`],
  authorization: null,
  headers: [],
  query: [],
});

describe("an attacker with the victim's first factor and an account of their own", () => {
  it.each(["gate", "/auth-request", "/forward-auth"] as const)(
    "INC-23 INC-24 INC-25 gets no page of the victim through %s",
    async (entryPoint) => {
      const world = fc.record({
        whoAmI: reading,
        pages: reading,
        refusesForeignOrigins: fc.boolean(),
        recheck: fc.constantFrom("0", "60"),
        isClosed: fc.boolean(),
        steps: fc.array(step, { minLength: 4, maxLength: 10 }),
      });
      let pagesOfMallory = 0;
      openSite();
      const secrets = await enrolBoth();
      const property = fc.asyncProperty(world, async ({ recheck, isClosed, steps, ...readings }) => {
        const site = openCredentialSite(readings.whoAmI, readings.pages, readings.refusesForeignOrigins);
        const variables = {
          ...siteVariables,
          ORIGIN_URL: entryPoint === "gate" ? "http://origin.test" : "",
          SESSION_RECHECK: recheck,
          ...(isClosed ? { ORIGIN_LOGIN: "/login" } : {}),
        };
        const attacker = new Attacker(site, entryPoint, variables);
        let last = alone("mallory");
        await attacker.prove(last, { ...(steps[0] as Step), keepsSession: false }, secrets.mallory);
        for (const one of steps) {
          if (one.credentials === "rearranged") last = rearranged(last);
          else if (one.credentials !== "same") last = one.credentials;
          advance(one.secondsLater);
          if (one.action === "prove") await attacker.prove(last, one, secrets.mallory);
          const page = await attacker.visit(last, one, one.action === "post" ? "POST" : "GET");
          expect(page ?? "").not.toContain("victim");
          if (page?.includes("mallory")) pagesOfMallory++;
        }
      });
      await fc.assert(property, { numRuns: 150 });
      // The attacker does get their own pages, or nothing was tried.
      expect(pagesOfMallory).toBeGreaterThan(5);
    },
  );
});

const siteVariables = {
  PROXY_KEY: proxyKey,
  WHOAMI_URL: "http://origin.test/me",
  WHOAMI_USER: "json:/name",
  WHOAMI_EMAIL: "json:/email",
  WHOAMI_NOBODY: "401,403",
  WHOAMI_FORBIDDEN_TEXT: "cross-site",
  ORIGIN_COOKIES: cookieNames.join(),
  ORIGIN_CREDENTIALS: `header:${headerName},query:${queryName}`,
};

const plain: Reading = {
  order: places,
  stopsAtInvalid: false,
  foldsNames: false,
  takes: "first",
  separator: "semicolons",
  stripsNames: false,
};

/** Puts a site into the place of everything that the Worker could fetch. */
function openCredentialSite(whoAmI: Reading, pages: Reading, refusesForeignOrigins: boolean): CredentialSite {
  const site = new CredentialSite(whoAmI, pages, refusesForeignOrigins);
  for (const account of ["victim", "mallory"] as const)
    for (const form of forms) site.accounts.set(credentialOf(account, form), account);
  vi.mocked(fetch).mockImplementation(site.fetch as typeof fetch);
  return site;
}

/** Both accounts have a second factor. The attacker knows the secret of one of them. */
async function enrolBoth() {
  openCredentialSite(plain, plain, false);
  const enrol = (account: "victim" | "mallory") => {
    const browser = new Browser({ ...siteVariables, ORIGIN_URL: "http://origin.test" });
    browser.cookies.set("sid", credentialOf(account, "cookie"));
    return browser.enrol();
  };
  return { victim: await enrol("victim"), mallory: await enrol("mallory") };
}
