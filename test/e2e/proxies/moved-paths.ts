import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { ownCookieNames } from "../../../scripts/examples/own-cookies.ts";
import { type RawResponse, sendRaw } from "../support/raw-request.ts";
import { startWsgiLikeSite, type WsgiLikeSite } from "../support/wsgi-like-site.ts";

/** The gate, or a proxy with the Worker beside it, in front of the WSGI-like site. `/public/*` is open, and nothing else. */
export interface MovableFront {
  readonly port: number;
  /** The site gets no cookie of Sallyport's. */
  readonly hidesCookies: boolean;
  /** Of names with a character that servers fold only those are refused that could be read as a cleared name. */
  readonly passesOddNames?: boolean;
  readonly stop: () => Promise<void>;
}

/** What makes the site serve another path than that of the request. */
const movingHeaders: readonly string[] = [
  "SCRIPT_NAME: /public",
  "Script-Name: /public",
  "script~name: /public",
  "X-Script-Name: /public",
  "X_SCRIPT_NAME: /public",
  "PATH_INFO: /admin",
  "Path-Info: /admin",
  "X-Matched-Path: /admin",
  "X_Invoke_Path: /admin",
];

/** Names with a character that a server folds: the site's variable of another header, in a request or in its body's framing. */
const refusedHeaders: readonly string[] = ["Content_Length: 7", "Transfer_Encoding: chunked", "$WSRU: root"];
const otherHeaders: readonly string[] = ["X_Request_Id: 7", "X.Api~Key: 7", "Content|Type: a/b", "a_b: 7"];

/** What the site serves of a request is what was judged (INC-35, INC-34, INC-31). */
export function describeMovedPaths(start: (site: WsgiLikeSite) => Promise<MovableFront>): void {
  let site: WsgiLikeSite;
  let front: MovableFront;
  before(async () => {
    site = await startWsgiLikeSite();
    front = await start(site);
  });
  after(async () => {
    await front?.stop();
    await site?.stop();
  });

  const hostName = () => `127.0.0.1:${front.port}`;

  async function visit(request: string, lines: readonly string[] = [], host = hostName()) {
    site.takeServed();
    const head = [`${request} HTTP/1.1`, ...lines, `Host: ${host}`, "Connection: close", "", ""];
    const response = await sendRaw(front.port, head.join("\r\n"));
    return { response, served: site.takeServed() };
  }

  const isOpen = (path: string) => path.startsWith("/public/");
  const namesSeen = ({ text }: RawResponse) => /"rawHeaders":\[(.*)\]/.exec(text)?.[1] ?? "";

  it("INC-35 the site serves the path that was judged, whatever header names another one", async () => {
    for (const line of movingHeaders) {
      const { served } = await visit("GET /public/admin", [line]);
      assert.ok(served.every(isOpen), `${line}: ${served}`);
    }
    assert.deepEqual((await visit("GET /public/admin")).served, ["/public/admin"]);
    assert.deepEqual((await visit("GET /admin")).served, []);
  });

  it("INC-35 INC-26 the site gets no header whose name has a character that servers fold", async () => {
    for (const line of front.passesOddNames ? refusedHeaders : [...refusedHeaders, ...otherHeaders]) {
      const name = line.slice(0, line.indexOf(":"));
      const { response } = await visit("GET /public/x", [line]);
      assert.ok(!namesSeen(response).toLowerCase().includes(`"${name.toLowerCase()}"`), line);
    }
    const { response } = await visit("GET /public/x", ["X-Request-Id: 7"]);
    assert.match(namesSeen(response), /"x-request-id","7"/i);
  });

  it("INC-34 the site serves the path that was judged, when the request names a whole address", async () => {
    for (const address of [
      "http:///public/x",
      `http://x?@${hostName()}/public/x`,
      `http://x#@${hostName()}/public/x`,
      `http://x\\admin?@${hostName()}/public/x`,
      `http://u:p@${hostName()}/public/x`,
      `ftp://${hostName()}/public/x`,
      `http:////admin/public/x`,
    ]) {
      const { served } = await visit(`GET ${address}`);
      assert.ok(served.every(isOpen), `${address}: ${served}`);
    }
    assert.deepEqual((await visit(`GET http://${hostName()}/public/x`)).served, ["/public/x"]);
  });

  it("INC-34 the site can name no other location in its response", async () => {
    for (const target of ["/admin", "/api/auth/auth-request", "/api/auth/forward-auth"]) {
      const { response, served } = await visit(`GET /public/download?to=${target}`);
      assert.deepEqual(served, ["/public/download"], target);
      assert.ok(!/^x-sallyport-assertion: ey/im.test(response.text), target);
    }
  });

  it("INC-31 a method in lower case does not reach the site", async () => {
    for (const method of ["get", "Get", "gET", "post", "delete"])
      assert.deepEqual((await visit(`${method} /public/x`)).served, [], method);
    assert.deepEqual((await visit("PROPFIND /public/x")).served, ["/public/x"]);
  });

  it("INC-31 no method that sends the request back reaches the site", async () => {
    for (const method of ["TRACE", "TRACK", "trace"]) {
      const { response, served } = await visit(`${method} /public/x`);
      assert.deepEqual(served, [], method);
      assert.ok(response.status >= 400 || response.status === 0, `${method}: ${response.status}`);
    }
    for (const target of ["/public/x", hostName()]) {
      const { response, served } = await visit(`CONNECT ${target}`);
      assert.deepEqual(served, [], target);
      assert.ok(response.status >= 400 || response.status === 0, `CONNECT ${target}: ${response.status}`);
    }
  });

  it("INC-34 a host that two servers read differently is refused", async () => {
    for (const host of [
      `a,${hostName()}`,
      `${hostName()}, b`,
      `${hostName()}\\admin?`,
      `${hostName()}/admin?`,
    ]) {
      const { served } = await visit("GET /public/x", [], host);
      assert.ok(served.every(isOpen), `${host}: ${served}`);
      if (host.includes(",")) assert.deepEqual(served, [], host);
    }
  });

  it("INC-32 INC-26 the site gets no cookie of Sallyport's under an escaped name", async (test) => {
    if (!front.hidesCookies) return test.skip("Traefik can't take single cookies away");
    for (const name of ownCookieNames)
      for (const escaped of [
        name.replace("H", "%48"),
        name.replace("-", "%2d"),
        name.replace("o", "%6F").replace("port", "%70ort"),
        name.replace("H", "%2548"),
        name.replaceAll(/[a-z]/gi, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
      ]) {
        const { response } = await visit("GET /public/x", [`Cookie: a=1; ${escaped}=secret-of-the-visitor`]);
        assert.ok(!response.text.includes("secret-of-the-visitor"), escaped);
      }
    const { response } = await visit("GET /public/x", ["Cookie: a%5B1%5D=1; b=%48ost"]);
    assert.match(response.text, /a%5B1%5D=1; b=%48ost/);
  });
}
