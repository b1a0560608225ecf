import type { Bindings } from "../../src/runtime.ts";
import { base, host, send } from "./worker.ts";

/** One request of a browser and its response. A redirect is one exchange of its own. */
export interface Exchange {
  readonly method: string;
  /** With its query, as in the browser's history and in logs. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Field {
  readonly name: string;
  readonly value: string;
  readonly hidden: boolean;
}

interface Form {
  readonly action: string;
  readonly method: string;
  readonly fields: readonly Field[];
}

type FetchSite = "none" | "same-origin" | "same-site" | "cross-site";

/** More redirects are a loop: no flow of the Worker's pages has as many. */
const mostRedirects = 6;

/**
 * A browser without JavaScript. It keeps cookies according to RFC 6265bis, sends `Origin` and `Sec-Fetch-*`, follows redirects within the
 * host, and submits forms as the page contains them.
 */
export class Browser {
  /** Every exchange, in order. */
  readonly exchanges: Exchange[] = [];
  readonly #cookies = new Map<string, { value: string; expiresAt: number }>();

  constructor(
    readonly bindings: Bindings,
    readonly userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  ) {}

  /** The current page. */
  get page(): Page {
    const last = this.exchanges.at(-1);
    if (last === undefined) throw new Error("No page has been opened");
    return new Page(last);
  }

  /** The names and values of the cookies that the next request would have. */
  get cookies(): Record<string, string> {
    const living = [...this.#cookies].filter(([, { expiresAt }]) => expiresAt > Date.now());
    return Object.fromEntries(living.map(([name, { value }]) => [name, value]));
  }

  /** The cookies that would let another browser take over this one's sessions. */
  adopt(cookies: Record<string, string>): void {
    for (const [name, value] of Object.entries(cookies))
      this.#cookies.set(name, { value, expiresAt: Infinity });
  }

  /** Opens a URL, as if typed into the address bar. */
  open(path: string): Promise<Page> {
    return this.#navigate("GET", path, { site: "none" });
  }

  /** Follows the link with this text or this URL. */
  follow(link: string): Promise<Page> {
    const found = this.page.links.find(({ href, text }) => text === link || href === link);
    if (found === undefined) throw new Error(`There is no link ${link} on ${this.page.path}`);
    return this.#navigate("GET", found.href, { site: "same-origin" });
  }

  /**
   * Submits a form of the page. `values` of hidden fields choose the form, all other values are filled in.
   */
  submit(action: string, values: Record<string, string> = {}): Promise<Page> {
    const form = this.page.forms.find(
      (candidate) => candidate.action === base + action && fits(candidate, values),
    );
    if (form === undefined)
      throw new Error(`There is no form to ${action} with ${Object.keys(values)} on ${this.page.path}`);
    if (form.method !== "post") throw new Error(`The form to ${action} is sent in its address`);
    const fields = form.fields.map(({ name, value }) => [name, values[name] ?? value]);
    return this.post(action, new URLSearchParams(fields));
  }

  /** Submits the sign-in form. */
  signIn({ username, password }: { username: string; password: string }): Promise<Page> {
    return this.submit("/sign-in", { username, password });
  }

  /** Sends a form that is not on the page, or of another site. */
  post(
    path: string,
    fields: URLSearchParams | Record<string, string>,
    options: { readonly origin?: string; readonly site?: FetchSite; readonly contentType?: string } = {},
  ): Promise<Page> {
    const { site = "same-origin", ...rest } = options;
    return this.#navigate("POST", base + path, {
      site,
      body: new URLSearchParams(fields).toString(),
      ...rest,
    });
  }

  async #navigate(
    method: string,
    path: string,
    { site, origin = host, body, contentType = "application/x-www-form-urlencoded" }: Navigation,
  ): Promise<Page> {
    let next: string | null = await this.#exchange(
      method,
      path,
      {
        "Sec-Fetch-Site": site,
        ...(body === undefined ? {} : { Origin: origin, "Content-Type": contentType }),
      },
      body,
    );
    for (let redirects = 0; next !== null; redirects++) {
      if (redirects === mostRedirects)
        throw new Error(`Round in circles: ${this.trail(mostRedirects).join(" ")}`);
      next = await this.#exchange("GET", next, { "Sec-Fetch-Site": site });
    }
    return this.page;
  }

  /** The last URLs, the current one last. */
  trail(count: number): string[] {
    return this.exchanges.slice(-count).map(({ method, path, status }) => `${method} ${path} ${status}`);
  }

  /** @returns where the answer sends the browser, or null */
  async #exchange(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<string | null> {
    const url = new URL(path, host);
    if (url.origin !== host) throw new Error(`The browser was sent away to ${url}`);
    const cookies = Object.entries(this.cookies).map(([name, value]) => `${name}=${value}`);
    const request = new Request(url, {
      method,
      redirect: "manual",
      headers: {
        Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "User-Agent": this.userAgent,
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-User": "?1",
        ...headers,
        ...(cookies.length === 0 ? {} : { Cookie: cookies.join("; ") }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const response = await send(request, this.bindings);
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    this.exchanges.push({
      method,
      path: url.pathname + url.search,
      status: response.status,
      headers: response.headers,
      body: await response.text(),
    });
    return [301, 302, 303].includes(response.status) ? response.headers.get("Location") : null;
  }

  /** RFC 6265bis: a cookie whose attributes contradict its name's prefix is rejected. */
  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(/; */);
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const found = new Map(
      attributes.map((attribute): [string, string] => {
        const [key = "", text = ""] = attribute.toLowerCase().split("=", 2);
        return [key, text];
      }),
    );
    const promised = found.has("secure") && found.get("path") === "/" && !found.has("domain");
    if (name.startsWith("__Host-") && !promised) throw new Error(`A browser does not take ${line}`);
    const maxAge = found.get("max-age");
    const expiresAt = maxAge === undefined ? Infinity : Date.now() + Number(maxAge) * 1000;
    this.#cookies.set(name, { value, expiresAt });
  }
}

interface Navigation {
  readonly site: FetchSite;
  readonly origin?: string;
  readonly body?: string;
  readonly contentType?: string;
}

const fits = ({ fields }: Form, values: Record<string, string>) =>
  Object.entries(values).every(([name, value]) =>
    fields.some((field) => field.name === name && (!field.hidden || field.value === value)),
  );

/** The visible content of a page, found with patterns. The Worker's pages escape all text that could mislead them. */
export class Page {
  constructor(readonly exchange: Exchange) {}

  get path(): string {
    return this.exchange.path;
  }

  get status(): number {
    return this.exchange.status;
  }

  get html(): string {
    return this.exchange.body;
  }

  get heading(): string {
    return plain(/<h1[^>]*>(.*?)<\/h1>/s.exec(this.html)?.[1] ?? "");
  }

  /** The text of the error box. */
  get alert(): string {
    return plain(/<div class="notice notice-error"[^>]*>(.*?)<\/div>/s.exec(this.html)?.[1] ?? "");
  }

  /** The text of the page. */
  get text(): string {
    return plain(this.html.replace(/<(style|script|title)\b.*?<\/\1>/gs, ""));
  }

  get links(): { href: string; text: string }[] {
    return [...this.html.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gs)].map(([, attributes = "", text = ""]) => ({
      href: attribute(attributes, "href"),
      text: plain(text),
    }));
  }

  get forms(): Form[] {
    return [...this.html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(
      ([, attributes = "", inside = ""]) => ({
        action: attribute(attributes, "action"),
        method: attribute(attributes, "method"),
        fields: [...inside.matchAll(/<input\b([^>]*)>/g)].map(([, input = ""]) => ({
          name: attribute(input, "name"),
          value: attribute(input, "value"),
          hidden: attribute(input, "type") === "hidden",
        })),
      }),
    );
  }

  /** The value of a field in the first form that has it. */
  field(name: string): string | undefined {
    return this.forms.flatMap(({ fields }) => fields).find((field) => field.name === name)?.value;
  }
}

const attribute = (attributes: string, name: string) =>
  unescapeHtml(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");

const plain = (html: string) =>
  unescapeHtml(html.replace(/<[^>]*>/g, " "))
    .replace(/\s+/g, " ")
    .trim();

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
const unescapeHtml = (text: string) =>
  text.replace(/&(lt|gt|quot|#39|amp);/g, (_all, name: string) => entities[name] ?? "");
