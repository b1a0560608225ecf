import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Bindings } from "../../src/runtime.ts";
import { advance } from "./clock.ts";
import { countTrips } from "./d1.ts";
import { tapKv } from "./kv.ts";
import { collectLogLines } from "./log-lines.ts";
import { code, environment, host, type Overrides, send } from "./worker.ts";

/** The variables of a Worker whose first factor is the login of the origin. */
export const originVariables = {
  ORIGIN_URL: "http://origin.test",
  FIRST_FACTOR: "origin",
  WHOAMI_URL: "/me",
  WHOAMI_USER: "json:/user/name",
  WHOAMI_EMAIL: "json:/user/email",
  ORIGIN_COOKIES: "sid",
};

/** The headers of a page load, and of a script's request. */
export const pageLoad = {
  Accept: "text/html,application/xhtml+xml,*/*;q=0.8",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
};
export const scripted = {
  Accept: "application/json",
  "Sec-Fetch-Mode": "cors",
  "Sec-Fetch-Site": "same-origin",
};

type Answer = Response | Promise<Response>;

/** A site with its own login, which records its sessions and requests. */
export class Site {
  /** The account of each session, by the value of the cookie `sid`. */
  readonly sessions = new Map<string, string>();
  /** The requests to its who-am-I. */
  readonly probes: Request[] = [];
  /** All others. */
  readonly pages: Request[] = [];
  whoAmI: (request: Request) => Answer = (request) => {
    const user = this.userOf(request);
    return user === null
      ? new Response(null, { status: 401 })
      : Response.json({ user: { name: user, email: `${user}@site.test` } });
  };
  /** Greets the signed-in account. `POST /login` with a name as the body signs in without a new cookie. */
  answer: (request: Request) => Answer = async (request) => {
    const session = this.sessionOf(request);
    if (session !== undefined && request.method === "POST" && new URL(request.url).pathname === "/login")
      this.sessions.set(session, new TextDecoder().decode(await request.clone().arrayBuffer()));
    return new Response(`hello ${this.userOf(request) ?? "nobody"}`);
  };

  sessionOf(request: Request): string | undefined {
    return /(?:^|; )sid=([^;]*)/.exec(request.headers.get("Cookie") ?? "")?.[1];
  }

  userOf(request: Request): string | null {
    return this.sessions.get(this.sessionOf(request) ?? "") ?? null;
  }

  /** The last request that is not a who-am-I request. */
  get lastPage(): Request {
    const last = this.pages.at(-1);
    if (last === undefined) throw new Error("Nothing has reached the site");
    return last;
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as RequestInfo, init);
    const asked = new URL(request.url).pathname === "/me";
    (asked ? this.probes : this.pages).push(request);
    return asked ? this.whoAmI(request) : this.answer(request);
  };
}

/** Mocks `fetch` with a new site, and collects the log lines. The test uses `useFreshWorker`, which restores both. */
export function openSite(): Site {
  collectLogLines();
  const site = new Site();
  vi.spyOn(globalThis, "fetch").mockImplementation(site.fetch as typeof fetch);
  return site;
}

/** A browser that keeps the cookies of one host, and follows no redirect. */
export class Browser {
  readonly cookies = new Map<string, string>();
  /** Headers that a proxy adds to every request. */
  readonly added: Record<string, string> = {};
  /** The names of cookies that the browser sends twice, as for a host cookie beside a domain cookie. */
  readonly twice = new Set<string>();
  readonly bindings: Bindings;
  /** Sends a request to the Worker, or to a proxy in front of it. */
  via: (request: Request) => Promise<Response> = (request) => send(request, this.bindings);

  constructor(overrides: Overrides = {}) {
    this.bindings = environment({ ...originVariables, ...overrides });
  }

  /** Creates a browser that is signed in at the site. */
  static signedIn(sid: string, overrides: Overrides = {}): Browser {
    const browser = new Browser(overrides);
    browser.cookies.set("sid", sid);
    return browser;
  }

  /** Creates another browser with copies of these cookies. */
  steal(...names: string[]): Browser {
    const thief = new Browser(this.bindings as unknown as Overrides);
    for (const name of names) {
      const value = this.cookies.get(name);
      if (value === undefined) throw new Error(`There is no cookie ${name} to steal`);
      thief.cookies.set(name, value);
    }
    return thief;
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ ...this.added, ...Object.fromEntries(new Headers(init.headers)) });
    const cookies = [...this.cookies].flatMap(([name, value]) =>
      Array(this.twice.has(name) ? 2 : 1).fill(`${name}=${value}`),
    );
    if (cookies.length > 0 && !headers.has("Cookie")) headers.set("Cookie", cookies.join("; "));
    const request = new Request(host + path, { ...init, headers, redirect: "manual" });
    const response = await this.via(request);
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  #keep(line: string): void {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (value === "") this.cookies.delete(name);
    else this.cookies.set(name, value);
  }

  /** Loads a page. */
  load(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.request(path, { headers: { ...pageLoad, ...headers } });
  }

  /** Sends a request as a script does. */
  script(path: string, init: RequestInit = {}): Promise<Response> {
    return this.request(path, { ...init, headers: { ...scripted, ...init.headers } });
  }

  /** Sends a form. */
  post(path: string, fields: Record<string, string> | string): Promise<Response> {
    const headers = { ...pageLoad, "Content-Type": "application/x-www-form-urlencoded" };
    const body = typeof fields === "string" ? fields : new URLSearchParams(fields).toString();
    return this.request(path, { method: "POST", headers, body });
  }

  /** Loads a page, and follows a few redirects. */
  async follow(path: string): Promise<Response> {
    let response = await this.load(path);
    for (let hops = 0; hops < 5; hops++) {
      const next = response.headers.get("Location");
      if (next === null) return response;
      response = await this.load(next);
    }
    throw new Error(`${path} leads round in circles`);
  }

  /** The redirect target of a page load. Null when there is no redirect. */
  async redirectOf(path: string): Promise<string | null> {
    return (await this.load(path)).headers.get("Location");
  }

  /** Starts the set-up of the second factor. Returns the secret on the page. */
  async startSetUp(): Promise<string> {
    await this.load("/api/auth/account/two-factor");
    const response = await this.post("/api/auth/account/two-factor", { step: "start", rd: "/" });
    const page = await response.text();
    const secret = secretIn(page);
    if (secret === null) throw new Error(`no secret on the page: ${response.status} ${page.slice(0, 300)}`);
    return secret;
  }

  /** Sets up the second factor with the pages. Spends the current code, and advances the clock by a step. */
  async enrol(): Promise<string> {
    const secret = await this.startSetUp();
    const fields = { step: "confirm", code: await code(secret), rd: "/" };
    const done = await this.post("/api/auth/account/two-factor", fields);
    if (done.status !== 200) throw new Error(`confirm: ${done.status} ${await done.text()}`);
    advance(30);
    return secret;
  }

  /** Requests a page, and submits the code. Spends the current code, and advances the clock by a step. */
  async passSecondFactor(secret: string): Promise<void> {
    await this.load("/api/auth/second-factor");
    const response = await this.post("/api/auth/second-factor", { code: await code(secret), rd: "/inside" });
    if (response.headers.get("Location") !== "/inside") throw new Error(`second factor: ${response.status}`);
    advance(30);
  }
}

/** The secret on a page of the wizard. Null when there is none. */
export function secretIn(page: string): string | null {
  return /secret=([A-Z2-7]{32})/.exec(page)?.[1] ?? null;
}

/** Trips to D1, calls of KV and who-am-I requests. */
export interface Cost {
  readonly reads: number;
  readonly batches: number;
  readonly kv: number;
  readonly probes: number;
}

export const nothing: Cost = { reads: 0, batches: 0, kv: 0, probes: 0 };

/** Bindings that count, and a meter that says what they have counted since it was last read. */
export function countCosts(site: Pick<Site, "probes">): {
  bindings: Overrides;
  costOf: (what: () => Promise<unknown>) => Promise<Cost>;
} {
  const { db, trips } = countTrips(env.DB);
  const { kv, calls } = tapKv(env.BLOCKS);
  const total = () => ({
    reads: trips.reads,
    batches: trips.batches,
    kv: calls.gets + calls.puts,
    probes: site.probes.length,
  });
  const costOf = async (what: () => Promise<unknown>) => {
    const before = total();
    await what();
    const after = total();
    return {
      reads: after.reads - before.reads,
      batches: after.batches - before.batches,
      kv: after.kv - before.kv,
      probes: after.probes - before.probes,
    };
  };
  return { bindings: { DB: db, BLOCKS: kv }, costOf };
}
