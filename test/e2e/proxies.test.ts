/**
 * The files in `examples/`, run by Debian's nginx, Caddy and HAProxy, each in front of the demo origin and with the
 * Worker beside it (docs/contract.md#forward-auth). Traefik is not in Debian: `support/traefik.ts` plays it.
 */
import { after, before, describe } from "node:test";
import { describeClearing } from "./proxies/clearing.ts";
import { describeMovedPaths } from "./proxies/moved-paths.ts";
import { describePages, freshSeconds } from "./proxies/pages.ts";
import { describeRawPaths } from "./proxies/raw-paths.ts";
import { describeStreams } from "./proxies/streams.ts";
import { describeTrouble } from "./proxies/trouble.ts";
import { describeUpgrades } from "./proxies/upgrades.ts";
import { type CgiSite, startCgiSite } from "./support/cgi-site.ts";
import { type ProxyName, proxyNames, startProxy } from "./support/proxies.ts";
import { startWorker, type Worker } from "./support/worker.ts";

let worker: Worker;
before(async () => {
  worker = await startWorker({
    SESSION_RECHECK: "0",
    POLICY: JSON.stringify([
      { path: "/public/*", require: "none" },
      { path: "/headers", methods: ["OPTIONS"], require: "none" },
      { path: "/admin/*", require: "second_factor", max_age: freshSeconds },
    ]),
  });
});
after(() => worker?.stop());

let cgiSite: CgiSite;
before(async () => {
  cgiSite = await startCgiSite();
});
after(() => cgiSite?.stop());

async function startInFrontOfCgi(name: ProxyName, options: { permissive?: boolean } = {}) {
  const { port: workerPort, proxyKey } = worker;
  const front = await startProxy(name, { workerPort, sitePort: cgiSite.port, proxyKey, ...options });
  return { front, worker };
}

async function startInFrontOf(name: ProxyName, sitePort: number, options: { permissive?: boolean } = {}) {
  const { port: workerPort, proxyKey } = worker;
  const front = await startProxy(name, { workerPort, sitePort, proxyKey, ...options });
  return { ...front, passesOddNames: options.permissive === true };
}

for (const name of proxyNames) {
  describe(`${name} with its files from examples/`, () => {
    describePages(name, () => worker);
    describeStreams(name, () => worker);
    describeTrouble(name, () => worker);
    describe("in front of a CGI site", () => describeClearing(() => startInFrontOfCgi(name)));
    describe("in front of a site that accepts upgrades", () => describeUpgrades(name, () => worker));
    describe("in front of a site that can serve another path", () =>
      describeMovedPaths(({ port }) => startInFrontOf(name, port)));
    describe("and paths that servers read differently", () => describeRawPaths(name));
  });
}

describe("nginx that takes every name of a header, for another server on the same socket", () => {
  describeClearing(() => startInFrontOfCgi("nginx", { permissive: true }));
  describe("in front of a site that can serve another path", () =>
    describeMovedPaths(({ port }) => startInFrontOf("nginx", port, { permissive: true })));
});
