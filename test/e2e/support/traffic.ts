import type { Page } from "playwright-core";

/** What a visitor's browser has asked for, and what it has complained about. */
export class Traffic {
  readonly #origins: Set<string>;
  readonly #urls: string[] = [];
  readonly #refusedPages = new Set<string>();
  readonly #complaints: Array<{ about: string; text: string }> = [];
  readonly #posts: string[] = [];

  constructor(page: Page, origin: string) {
    this.#origins = new Set([origin]);
    const context = page.context();
    context.on("request", (request) => {
      this.#urls.push(request.url());
      if (request.method() === "POST") this.#posts.push(new URL(request.url()).pathname);
    });
    context.on("response", (response) => {
      const isRefusal = response.status() >= 400 && response.status() < 500;
      if (isRefusal && response.request().isNavigationRequest()) this.#refusedPages.add(response.url());
    });
    context.on("requestfailed", (request) => {
      this.#complaints.push({ about: request.url(), text: request.failure()?.errorText ?? "failed" });
    });
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning")
        this.#complaints.push({ about: message.location().url, text: message.text() });
    });
    context.on("weberror", (error) => {
      this.#complaints.push({ about: "uncaught", text: String(error.error()) });
    });
    page.on("framenavigated", (frame) => this.#urls.push(frame.url()));
  }

  /** The way leads to this site too, so asking it is no flaw. */
  mayAsk(origin: string): void {
    this.#origins.add(origin);
  }

  /** How many forms have been sent to this path. */
  countPosts(path: string): number {
    return this.#posts.filter((posted) => posted === path).length;
  }

  /**
   * Errors and warnings of the console, content security policy included, requests that failed, requests to another
   * host, and addresses that hold one of the secrets.
   */
  findFlaws(secrets: string[]): string[] {
    const complaints = this.#complaints.filter((complaint) => !this.#isExpected(complaint));
    const elsewhere = this.#urls.filter((url) => !this.#isOwn(url));
    const telling = this.#urls.filter((url) => secrets.some((secret) => holds(url, secret)));
    return [
      ...complaints.map(({ about, text }) => `${text} (${about})`),
      ...elsewhere.map((url) => `asked another host: ${url}`),
      ...telling.map((url) => `a secret in an address: ${url}`),
    ];
  }

  /** The browser says of every page with a status of 4xx that it failed to load, and shows it. */
  #isExpected({ about, text }: { about: string; text: string }): boolean {
    const [, status] = text.match(/^Failed to load resource: .* status of (\d+)/) ?? [];
    if (status === undefined) return false;
    return this.#refusedPages.has(about);
  }

  #isOwn(url: string): boolean {
    return url === "about:blank" || this.#origins.has(new URL(url.replace(/^blob:/, "")).origin);
  }
}

function holds(url: string, secret: string): boolean {
  const decoded = decodeURIComponent(url);
  return [url, decoded].some((text) => text.toLowerCase().includes(secret.toLowerCase()));
}
