import { type IncomingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string };

export type Asked = {
  method?: string;
  /** A list keeps names as they are written, and lets a name be there twice. */
  headers?: Record<string, string> | Array<[string, string]>;
  body?: string | Buffer;
};

/** The headers of a browser that follows a link. */
export const pageLoad = { "Sec-Fetch-Mode": "navigate", Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

/** What a script's `fetch` says. */
export const scriptLoad = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "*/*" };

/** A browser's worth of HTTP: it keeps cookies, follows nothing, and sends paths and headers as they are written. */
export class Client {
  readonly #baseUrl: URL;
  readonly #basePath: string;
  readonly #cookies = new Map<string, string>();

  constructor(baseUrl: string, basePath = "/api/auth") {
    this.#baseUrl = new URL(baseUrl);
    this.#basePath = basePath;
  }

  get cookies(): string {
    return [...this.#cookies].map((pair) => pair.join("=")).join("; ");
  }

  /** Another browser that has got hold of the same cookies. */
  copy(): Client {
    const twin = new Client(this.#baseUrl.href, this.#basePath);
    for (const [name, value] of this.#cookies) twin.setCookie(name, value);
    return twin;
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, value);
  }

  async ask(path: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Answer> {
    const given = Array.isArray(headers) ? headers : Object.entries(headers);
    const isGiven = (wanted: string) => given.some(([name]) => name === wanted);
    const sent: Array<[string, string]> = isGiven("Host") ? [] : [["Host", this.#baseUrl.host]];
    sent.push(...given);
    if (!isGiven("Connection")) sent.push(["Connection", "close"]);
    if (this.#cookies.size > 0) sent.push(["Cookie", this.cookies]);
    if (body !== undefined) sent.push(["Content-Length", String(Buffer.byteLength(body))]);
    const { hostname, port } = this.#baseUrl;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asked = request({ hostname, port, method, path, headers: sent.flat() }, (response) => {
        const { statusCode: status = 0, headers } = response;
        text(response).then((body) => resolve({ status, headers, body }), reject);
      });
      asked.once("error", reject);
      asked.end(body);
    });
    for (const cookie of answer.headers["set-cookie"] ?? []) this.#keep(cookie);
    return answer;
  }

  /** Calls Sallyport's API as a page of the same host would. */
  async call(path: string, body: object = {}): Promise<Record<string, unknown>> {
    const headers = { ...scriptLoad, "Content-Type": "application/json", Origin: this.#baseUrl.origin };
    const answer = await this.ask(this.#basePath + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (answer.status !== 200) throw new Error(`POST ${path}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as Record<string, unknown>;
  }

  #keep(cookie: string): void {
    const [, name = "", value = ""] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? [];
    if (/;\s*max-age=0/i.test(cookie)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
