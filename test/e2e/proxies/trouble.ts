import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createApiAccount, enrol } from "../support/api-account.ts";
import { Client, pageLoad } from "../support/client.ts";
import { findFreePorts, isListening } from "../support/processes.ts";
import { type ProxyName, startProxy } from "../support/proxies.ts";
import { startStreamingSite } from "../support/streaming-site.ts";
import type { Worker } from "../support/worker.ts";
import { assertLeadsTo } from "./findings.ts";

/** The Worker is gone, or answers under another name. */
export function describeTrouble(name: ProxyName, getWorker: () => Worker): void {
  it("INC-20: passes nobody while the Worker is not there", async () => {
    const worker = getWorker();
    const site = await startStreamingSite();
    const [workerPort = 0] = await findFreePorts(1);
    const proxy = await startProxy(name, { workerPort, sitePort: site.port, proxyKey: worker.proxyKey });
    try {
      for (const [path, method] of [
        ["/headers", "GET"],
        ["/public/", "GET"],
        ["/echo", "POST"],
        ["/api/auth/sign-in", "GET"],
      ] as const) {
        const answer = await new Client(proxy.baseUrl).ask(path, { method, headers: pageLoad });
        assert.ok(answer.status >= 500, `${path}: ${answer.status}`);
      }
      assert.equal(site.requests(), 0);
    } finally {
      await proxy.stop();
      await site.stop();
    }
  });

  if (name === "haproxy") {
    it("INC-20: passes nobody when the script of the proxy breaks", async () => {
      const worker = getWorker();
      const site = await startStreamingSite();
      const folder = mkdtempSync(join(tmpdir(), "sallyport-lua-"));
      const luaPath = join(folder, "broken.lua");
      writeFileSync(
        luaPath,
        `core.register_action("sallyport", { "http-req" }, function() error("no") end, 2)`,
      );
      const surroundings = { workerPort: worker.port, sitePort: site.port, proxyKey: worker.proxyKey };
      const proxy = await startProxy(name, { ...surroundings, luaPath });
      try {
        assert.equal((await new Client(proxy.baseUrl).ask("/public/")).status, 503);
        assert.equal(site.requests(), 0);
      } finally {
        await proxy.stop();
        await site.stop();
        rmSync(folder, { recursive: true });
      }
    });
  }

  it("works with a Worker under a name of its own", async () => {
    const worker = getWorker();
    const site = await startStreamingSite();
    const surroundings = { workerPort: worker.port, sitePort: site.port, proxyKey: worker.proxyKey };
    const proxy = await startProxy(name, { ...surroundings, workerHost: "auth.example.com" });
    try {
      const visitor = new Client(proxy.baseUrl);
      assertLeadsTo(await visitor.ask("/x", { headers: pageLoad }), "/api/auth/sign-in", "/x");
      await enrol(visitor, await createApiAccount(worker, name));
      assert.equal((await visitor.ask("/x", { headers: pageLoad })).status, 200);
    } finally {
      await proxy.stop();
      await site.stop();
    }
  });

  it("leaves nothing running", async () => {
    const worker = getWorker();
    const site = await startStreamingSite();
    const proxy = await startProxy(name, {
      workerPort: worker.port,
      sitePort: site.port,
      proxyKey: worker.proxyKey,
    });
    await proxy.stop();
    await site.stop();
    assert.equal(await isListening(proxy.port), false);
  });
}
