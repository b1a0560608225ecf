import { base, code, host, send } from "../../../test/support/worker.ts";
import { makeHashCheap, type Person } from "./people.ts";

/** The owner of an account, with a browser that keeps all cookies. */
export class Owner {
  readonly #cookies = new Map<string, string>();

  constructor(
    readonly person: Person,
    readonly address = "203.0.113.7",
  ) {}

  /** Signs in with password and code, and signs out. Returns true when the sign-in succeeded. */
  async signIn(): Promise<boolean> {
    const { username, password, secret } = this.person;
    const first = await this.#post("/login", { username, password });
    const second = first === 200 ? await this.#post("/totp/verify", { code: await code(secret) }) : first;
    if (first === 200) await makeHashCheap(this.person);
    if (second === 200) await this.#post("/logout", {});
    return second === 200;
  }

  async #post(path: string, body: unknown): Promise<number> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`);
    const request = new Request(host + base + path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "CF-Connecting-IP": this.address,
        "Sec-Fetch-Site": "same-origin",
        Origin: host,
        Cookie: cookies.join("; "),
      },
      body: JSON.stringify(body),
    });
    const response = await send(request);
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    await response.body?.cancel();
    return response.status;
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split(/; */);
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) this.#cookies.delete(name);
    else this.#cookies.set(name, pair.slice(at + 1));
  }
}
