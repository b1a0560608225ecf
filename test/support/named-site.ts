import { type FirstFactorName, jwtHeader, mockProvider } from "./first-factors.ts";
import { endpoints, proxyKey } from "./forward-auth.ts";
import type { IdentityProvider } from "./identity-provider.ts";
import { Browser, openSite, originVariables, type Site } from "./origin-site.ts";
import { base, code, type Overrides } from "./worker.ts";

export type ExternalFactor = Exclude<FirstFactorName, "password">;
export const externalFactors = ["origin", "jwt", "proxy"] as const satisfies readonly ExternalFactor[];

/** The entry points of a request: the gate and the forward-auth endpoints. */
export const entryPoints = ["gate", ...endpoints] as const;
export type EntryPoint = (typeof entryPoints)[number];

/** What the origin gets with an allowed request. */
export interface Passed {
  readonly user: string | null;
  readonly email: string | null;
  /** The claims of the assertion. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A site with an external first factor that names any account that a test chooses. */
export class NamedSite {
  readonly site: Site;
  readonly #idp: IdentityProvider;
  readonly #factor: ExternalFactor;
  readonly #entryPoint: EntryPoint;
  readonly #variables: Overrides;

  private constructor(
    site: Site,
    idp: IdentityProvider,
    factor: ExternalFactor,
    entryPoint: EntryPoint,
    variables: Overrides,
  ) {
    this.site = site;
    this.#idp = idp;
    this.#factor = factor;
    this.#entryPoint = entryPoint;
    this.#variables = variables;
  }

  /** Opens a site. The test uses `useFreshWorker`. */
  static async open(
    factor: ExternalFactor,
    entryPoint: EntryPoint = "gate",
    variables: Overrides = {},
  ): Promise<NamedSite> {
    const site = await openSite();
    return new NamedSite(site, await mockProvider(site), factor, entryPoint, variables);
  }

  /** Creates a browser whose first factor names this account. Each browser has its own session at the source. */
  async visitor(name: unknown, overrides: Overrides = {}): Promise<Browser> {
    const browser = new Browser({
      ...originVariables,
      ...(this.#entryPoint === "gate" ? {} : { ORIGIN_URL: "", WHOAMI_URL: "http://origin.test/me" }),
      ...(this.#factor === "jwt" ? this.#idp.variables : { FIRST_FACTOR: this.#factor }),
      PROXY_KEY: proxyKey,
      ...this.#variables,
      ...overrides,
    });
    browser.added["X-Sallyport-Proxy-Key"] = proxyKey;
    await this.name(browser, name);
    return browser;
  }

  /** Makes the first factor of this browser name another account, in a new session at the source. */
  async name(browser: Browser, name: unknown): Promise<void> {
    if (this.#factor === "jwt") browser.added[jwtHeader] = await this.#idp.token({ sub: name as string });
    if (this.#factor === "proxy") browser.added["Remote-User"] = String(name);
    if (this.#factor !== "origin") return;
    const sid = crypto.randomUUID();
    this.site.sessions.set(sid, name as string);
    browser.cookies.set("sid", sid);
  }

  /** Requests a page of the site. */
  request(browser: Browser, path = "/inbox"): Promise<Response> {
    if (this.#entryPoint === "gate") return browser.load(path);
    return browser.load(base + this.#entryPoint, { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": path });
  }

  /** Requests a page of the site. Null when access is denied. */
  async passes(browser: Browser, path = "/inbox"): Promise<Passed | null> {
    const reached = this.site.pages.length;
    const response = await this.request(browser, path);
    if (this.#entryPoint === "gate") {
      if (this.site.pages.length === reached) return null;
      return readPassed(this.site.lastPage.headers);
    }
    return response.status === 200 ? readPassed(response.headers) : null;
  }

  /** The account that the origin gets in `Remote-User`. Null when access is denied, or the request is anonymous. */
  async userAt(browser: Browser, path = "/inbox"): Promise<string | null> {
    return (await this.passes(browser, path))?.user ?? null;
  }

  /** The path that a denied page load is redirected to, without its query. */
  async redirectOf(browser: Browser, path = "/inbox"): Promise<string | null> {
    return (
      (await this.request(browser, path)).headers.get("Location")?.replace(/\?.*$/, "").replace(base, "") ??
      null
    );
  }
}

function readPassed(headers: Headers): Passed {
  const assertion = headers.get("X-Sallyport-Assertion") ?? "";
  const payload = assertion.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
    c.charCodeAt(0),
  );
  const claims = assertion === "" ? {} : JSON.parse(new TextDecoder().decode(bytes));
  return { user: headers.get("Remote-User") || null, email: headers.get("Remote-Email") || null, claims };
}

/** Submits a code on the second-factor page. Returns whether it was accepted. */
export async function typeCode(browser: Browser, secret: string, steps = 0): Promise<boolean> {
  const fields = { code: await code(secret, steps), rd: "/inside" };
  const response = await browser.post("/api/auth/second-factor", fields);
  return response.headers.get("Location") === "/inside";
}
