import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createApiAccount, enrol } from "../support/api-account.ts";
import { Client, scriptLoad } from "../support/client.ts";
import { type ProxyName, type RunningProxy, startProxy } from "../support/proxies.ts";
import { type StreamingSite, startStreamingSite } from "../support/streaming-site.ts";
import { exchange, openWebSocket } from "../support/web-socket.ts";
import type { Worker } from "../support/worker.ts";

const streamedBytes = 32 * 1024 * 1024;

/** A site of WebSockets and large uploads. */
export function describeStreams(name: ProxyName, getWorker: () => Worker): void {
  let site: StreamingSite;
  let proxy: RunningProxy;
  let visitor: Client;

  before(async () => {
    const worker = getWorker();
    site = await startStreamingSite();
    proxy = await startProxy(name, {
      workerPort: worker.port,
      sitePort: site.port,
      proxyKey: worker.proxyKey,
    });
    visitor = new Client(proxy.baseUrl);
    await enrol(visitor, await createApiAccount(worker, name));
  });
  after(async () => {
    await proxy?.stop();
    await site?.stop();
  });

  it("opens a WebSocket for who has signed in, and for nobody else", async () => {
    const requests = site.requests();
    const refused = await openWebSocket(`${proxy.baseUrl}/socket`, {});
    assert.deepEqual(refused, { open: false, status: 401 });
    assert.equal(site.requests(), requests);

    const handshake = await openWebSocket(`${proxy.baseUrl}/socket`, { Cookie: visitor.cookies });
    assert.ok(handshake.open);
    for (const text of ["hello", "and again", "ä€"])
      assert.equal(await exchange(handshake.socket, text), text);
    handshake.socket.destroy();
  });

  it("INC-32 WB-12 opens no WebSocket for the page of another site", async () => {
    const requests = site.requests();
    for (const origin of ["https://evil.test", "null", `${proxy.baseUrl}.evil.test`]) {
      const headers = { Cookie: visitor.cookies, Origin: origin };
      assert.deepEqual(await openWebSocket(`${proxy.baseUrl}/socket`, headers), { open: false, status: 403 });
    }
    assert.equal(site.requests(), requests);
    const headers = { Cookie: visitor.cookies, Origin: proxy.baseUrl };
    const own = await openWebSocket(`${proxy.baseUrl}/socket`, headers);
    assert.ok(own.open);
    own.socket.destroy();
  });

  it("streams an upload of any size, and the Worker sees nothing of it", async () => {
    const chunk = Buffer.alloc(1024 * 1024, "x");
    const upload = request(`${proxy.baseUrl}/upload`, {
      method: "POST",
      headers: { Cookie: visitor.cookies, "Content-Length": streamedBytes },
    });
    const answered = new Promise<number>((resolve, reject) => {
      upload.once("response", (response) => resolve(response.resume().statusCode ?? 0));
      upload.once("error", reject);
    });
    upload.write(chunk);
    // The site has to see the beginning while there is no end yet.
    for (let waits = 0; site.received() === 0; waits++) {
      assert.ok(waits < 500, "nothing arrives before the end");
      await sleep(10);
    }
    for (let sent = chunk.length; sent < streamedBytes; sent += chunk.length) upload.write(chunk);
    upload.end();
    assert.equal(await answered, 200);
    assert.equal(site.received(), streamedBytes);
  });

  it("refuses an upload of a stranger's without passing it on", async () => {
    const before = site.received();
    const body = Buffer.alloc(2 * 1024 * 1024, "x");
    const answer = await new Client(proxy.baseUrl)
      .ask("/upload", { method: "POST", headers: scriptLoad, body })
      // A proxy may close the connection of an unread body.
      .catch((error: NodeJS.ErrnoException) => {
        assert.match(error.code ?? "", /^(EPIPE|ECONNRESET)$/);
        return null;
      });
    if (answer !== null) assert.equal(answer.status, 401);
    assert.equal(site.received(), before);
  });
}
