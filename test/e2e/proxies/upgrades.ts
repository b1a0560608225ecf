import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { type CgiSite, startCgiSite } from "../support/cgi-site.ts";
import { type ProxyName, type RunningProxy, startProxy } from "../support/proxies.ts";
import { sendRaw } from "../support/raw-request.ts";
import type { Worker } from "../support/worker.ts";

const settings = "HTTP2-Settings: AAMAAABkAAQAAP__";

/** The headers of requests for another protocol than a WebSocket, which lighttpd or another server accepts. */
const upgrades: readonly (readonly string[])[] = [
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", settings],
  ["Connection: Upgrade", "Upgrade: h2c", settings],
  ["connection: UPGRADE,http2-settings", "upgrade: H2C", settings.toLowerCase()],
  ["Connection: Upgrade", "Connection: HTTP2-Settings", "Upgrade: h2c", settings],
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket, h2c", settings],
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c, websocket", settings],
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket", "Upgrade: h2c", settings],
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Upgrade: websocket", settings],
  ["Connection: Upgrade, HTTP2-Settings", "Upgrade:\th2c ", settings],
  ["Connection: Upgrade", "Upgrade: TLS/1.0"],
];

/** A site that accepts `Upgrade: h2c` (RFC 7540 3.2): after it, every request in the tunnel is past the proxy. */
export function describeUpgrades(name: ProxyName, getWorker: () => Worker): void {
  let site: CgiSite;
  let proxy: RunningProxy;

  before(async () => {
    const worker = getWorker();
    site = await startCgiSite();
    proxy = await startProxy(name, {
      workerPort: worker.port,
      sitePort: site.port,
      proxyKey: worker.proxyKey,
    });
  });
  after(async () => {
    await proxy?.stop();
    await site?.stop();
  });

  const requestWith = (lines: readonly string[]) =>
    ["GET /public/page HTTP/1.1", "Host: 127.0.0.1", ...lines, "", ""].join("\r\n");

  it("INC-33 has a site that would accept the upgrade", async () => {
    assert.equal((await sendRaw(site.port, requestWith(upgrades[0] ?? []))).status, 101);
  });

  it("INC-33 opens no tunnel to the site in which the proxy sees nothing", async () => {
    for (const lines of upgrades) {
      const { status, text } = await sendRaw(proxy.port, requestWith([...lines, "X-Close: 1"]));
      assert.ok(status >= 200, `${lines.join(" | ")}: ${text.split("\r\n", 1)}`);
      assert.doesNotMatch(text, /^HTTP_(HTTP2_SETTINGS|UPGRADE=(?!websocket$))/m, lines.join(" | "));
    }
    const target = `127.0.0.1:${site.port}`;
    const connected = await sendRaw(proxy.port, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    assert.ok(connected.status >= 400 || connected.status === 0, `CONNECT: ${connected.status}`);
  });
}
