import assert from "node:assert/strict";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Receipt = Record<string, unknown>;

type Order = { nonce: string; challenge: string };

/**
 * A backend in another language, so to speak: it has an API key, sends browsers to hosted challenges, and believes a
 * receipt that it has checked itself, with nothing but what Node has.
 */
export class Shop {
  readonly #api: string;
  readonly #server: Server;
  readonly #orders = new Map<string, Order>();
  #key = "";
  /** What its browsers have come back with, in order. */
  readonly returns: Array<{ challenge: string | null; receipt: Receipt | null }> = [];

  private constructor(api: string) {
    this.#api = api;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500, { "Content-Type": "text/plain" }).end(String(error));
      });
    });
  }

  /** Opens on a free port of this machine, under another host than Sallyport's, with a key for its realm. */
  static async open({ baseUrl, adminKey }: { baseUrl: string; adminKey: string }): Promise<Shop> {
    const shop = new Shop(`${baseUrl}/api/auth`);
    await new Promise<void>((resolve) => shop.#server.listen(0, "127.0.0.1", resolve));
    const body = {
      name: "shop",
      scopes: ["users:write", "verify"],
      return_urls: [`${shop.origin}/confirmed`],
    };
    const made = await shop.call("POST", "/v1/api-keys?realm=shop", body, adminKey);
    shop.#key = made.key as string;
    return shop;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Calls the service API. */
  async call(method: string, path: string, body?: object, key = this.#key): Promise<Record<string, unknown>> {
    const response = await fetch(this.#api + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer.data;
  }

  /** Where a customer begins: the shop sends the browser on to a challenge. */
  orderAddress(user: string, item = "for 20 €"): string {
    return `${this.origin}/order?${new URLSearchParams({ user, item })}`;
  }

  /** A page with a link to a challenge, which the browser may prefetch. */
  offerAddress(user: string): string {
    return `${this.origin}/offer?${new URLSearchParams({ user, item: "on offer" })}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.origin);
    if (url.pathname === "/order") {
      response.writeHead(303, { Location: await this.#challenge(url.searchParams) }).end();
    } else if (url.pathname === "/offer") {
      const address = await this.#challenge(url.searchParams);
      const rules = JSON.stringify({ prefetch: [{ urls: [address], eagerness: "immediate" }] });
      const early = `<link rel="prefetch" href="${address}"><script type="speculationrules">${rules}</script>`;
      page(response, "An offer", `${early}<a href="${address}">Order</a>`);
    } else if (url.pathname === "/confirmed") {
      const [heading, text] = await this.#judge(url.searchParams);
      page(response, heading, `<p>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</p>`);
    } else response.writeHead(url.pathname === "/favicon.ico" ? 204 : 404).end();
  }

  async #challenge(query: URLSearchParams): Promise<string> {
    const order = randomBytes(4).toString("hex");
    const nonce = randomBytes(12).toString("base64url");
    const made = await this.call("POST", "/v1/challenges", {
      user: query.get("user"),
      return_to: `${this.origin}/confirmed?order=${order}&note=a%20b+c`,
      action: `Order ${order} ${query.get("item")}`,
      nonce,
    });
    this.#orders.set(order, { nonce, challenge: made.id as string });
    return made.url as string;
  }

  /** Heading and text of the page at the return URL. */
  async #judge(query: URLSearchParams): Promise<[string, string]> {
    assert.equal(query.get("note"), "a b c", "the shop's own query comes back as it was");
    const order = this.#orders.get(query.get("order") ?? "");
    const [challenge, text] = [query.get("challenge"), query.get("receipt")];
    const receipt = text === null ? null : await this.#check(text);
    this.returns.push({ challenge, receipt });
    if (receipt === null) return ["Order cancelled", "Nothing was confirmed."];
    assert.deepEqual([challenge, receipt.nonce], [order?.challenge, order?.nonce], "for this order");
    return ["Order confirmed", `${receipt.sub} confirmed: ${receipt.action}`];
  }

  /** RFC 8037 with node:crypto, and nothing of Sallyport's but its published keys. */
  async #check(receipt: string): Promise<Receipt> {
    const [head = "", body = "", signature = ""] = receipt.split(".");
    const parse = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    const { alg, kid, typ } = parse(head);
    assert.deepEqual([alg, typ], ["EdDSA", "sallyport-receipt+jwt"]);
    const { keys } = await (await fetch(`${this.#api}/.well-known/jwks.json`)).json();
    const jwk = keys.find((key: { kid: string }) => key.kid === kid);
    const key = createPublicKey({ key: jwk, format: "jwk" });
    assert.ok(verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")));
    const claims = parse(body);
    assert.equal(claims.aud, "shop");
    assert.equal(claims.iss, this.#api);
    assert.ok(claims.exp > Date.now() / 1000);
    return claims;
  }
}

function page(response: ServerResponse, heading: string, html: string): void {
  response
    .writeHead(200, { "Content-Type": "text/html; charset=utf-8" })
    .end(`<!doctype html><html lang="en"><title>Shop</title><h1>${heading}</h1>${html}`);
}
